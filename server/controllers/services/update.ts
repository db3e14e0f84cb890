/**
 * Changes services that live: their mode, their ports, and the weights and states of their backends.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { UpdateService } from "../../../lib/api/types.ts";
import type { ServiceRecord } from "../../model/records.ts";
import { serviceRecords, type StoredService } from "../../model/repository/services.ts";
import { decideAndCommit, type Fragment, together } from "../../model/transaction.ts";
import { type Context, networkAndDriver, now } from "../context.ts";
import { backendContainer, containerLabel, nameList } from "../labels.ts";
import type { ServiceAddresses } from "./addresses.ts";
import { macOf } from "./mac.ts";
import { checkAddressable, checkPorts } from "./modes.ts";
import { partOf } from "./parts.ts";
import { currentService, serviceLabel } from "./service_labels.ts";

/** What an update works with. */
export interface UpdateParts {
  context: Pick<Context, "state" | "drivers" | "locks">;
  addresses: ServiceAddresses;
  request: UpdateService;
}

/**
 * Changes a service; all that is asked for, or nothing.
 *
 * @returns the service as it is now
 * @throws {NetsvcError} `invalid`, `in_use`, `unsupported`
 */
export async function updateService(
  id: string,
  { context, addresses, request }: UpdateParts,
): Promise<ServiceRecord> {
  const { state, locks } = context;
  const { record } = currentService(state, id);
  const { network } = networkAndDriver(context, record.network);
  checkRequest(record, request);
  const decide = (lost: ReadonlySet<string>) => {
    const stored = currentService(state, id);
    const { mode = stored.record.mode, ports = stored.record.ports } = request;
    checkPorts(stored.record.name, { mode, ports });
    const changes = mode !== stored.record.mode
      ? [changedMode(stored, mode, { context, addresses, lost })]
      : changedParts(context, stored, request);
    const own = changes.find(([before]) => before.record.id === id);
    if (own) own[1] = { ...own[1], ports };
    else if (request.ports) changes.push([stored, { ...stored.record, ports }]);
    const replaced = changes.map(([before, after]): Fragment =>
      serviceRecords.replace(before, after, network.record)
    );
    return { transaction: together(...replaced), result: undefined };
  };
  await locks.service(
    id,
    () =>
      locks.addresses(
        record.network,
        () => decideAndCommit(state.mirrorOf(network.record), decide),
      ),
  );
  return currentService(state, id).record;
}

type Change = [before: StoredService, after: ServiceRecord];

function checkRequest({ mode }: ServiceRecord, request: UpdateService): void {
  const { weights = [], drain = [], activate = [] } = request;
  const ofBackends = [...weights.map(({ container }) => container), ...drain, ...activate];
  if (ofBackends.length > 0 && request.mode !== undefined && request.mode !== mode) {
    throw new NetsvcError("invalid", "Change the mode first, and the backends after it");
  }
  const [both] = drain.filter((container) => activate.includes(container));
  if (both === undefined) return;
  throw new NetsvcError("invalid", `Either drain or activate the container "${both}"`);
}

/** The backends that change: a container may be named for several reasons. */
function changedParts(
  { state }: Pick<Context, "state">,
  { record: service }: StoredService,
  { weights = [], drain = [], activate = [] }: UpdateService,
): Change[] {
  const changed = new Map<string, ServiceRecord>();
  const change = (container: string, next: (part: ServiceRecord) => ServiceRecord) => {
    if (service.mode === "single") {
      throw new NetsvcError(
        "invalid",
        `The service "${
          serviceLabel(state, service)
        }" has one backend, which gets all connections; ` +
          `weights and draining are for services of other modes`,
      );
    }
    const found = partOf({ state }, { service, container });
    changed.set(found.id, next(changed.get(found.id) ?? found));
  };
  for (const { container, weight } of weights) change(container, (part) => ({ ...part, weight }));
  const since = now();
  for (const container of drain) change(container, (part) => ({ draining: since, ...part }));
  for (const container of activate) {
    change(container, ({ draining: _, ...part }) => part);
  }
  return changed.values().map((after): Change => [currentService(state, after.id), after])
    .toArray();
}

/**
 * A service of another mode. The endpoint of mode `single` is the service's own, so there may be no backends where it
 * comes or goes.
 *
 * @throws {NetsvcError} `in_use`, `unsupported`
 */
function changedMode(
  stored: StoredService,
  mode: ServiceRecord["mode"],
  { context, addresses, lost }: Pick<UpdateParts, "context" | "addresses"> & {
    lost: ReadonlySet<string>;
  },
): Change {
  const { state } = context;
  const { record } = stored;
  const label = serviceLabel(state, record);
  const { network } = networkAndDriver(context, record.network);
  const backends = record.mode === "single"
    ? state.backendsOf(record)
    : state.partsOf(record.id).map(({ record }) => record.backend!);
  const isKept = mode !== "single" && record.mode !== "single";
  if (backends.length > 0 && !isKept) {
    const names = backends.map((backend) => containerLabel(backendContainer(backend)));
    throw new NetsvcError(
      "in_use",
      `Cannot change the mode of service "${label}": it has ${nameList("backend", names)}; ` +
        `detach ${names.length === 1 ? "it" : "them"} first`,
    );
  }
  if (record.auto !== undefined || network.record.ipam !== undefined) {
    throw new NetsvcError(
      "unsupported",
      `Cannot change the mode of service "${label}": ` +
        (record.auto === undefined
          ? "a plugin gives its addresses; unpublish it, and publish it again"
          : "it is a container's own"),
    );
  }
  const { backend: _, ...rest } = record;
  if (mode === "vip") checkAddressable(record.name, network.record);
  const mac = mode === "single"
    ? addresses.pickMac(network.record, undefined, macOf(record.id))
    : "";
  // An address that it has stays its own.
  const own = mode === "dnsrr"
    ? []
    : record.addresses.length > 0
    ? record.addresses
    : addresses.allocate(network.record, { wanted: [], retired: undefined, lost });
  return [stored, { ...rest, mode, addresses: own, mac }];
}
