/**
 * What may back a service, and what is written when it does. Decides only; neither store nor kernel is touched.
 *
 * @module
 */
import { hostedHere } from "../../../cluster/cluster.ts";
import { cidrsOverlap, parseCidr } from "../../../../lib/ip/cidr.ts";
import { containerRecords } from "../../../model/repository/containers.ts";
import { type Fragment, together } from "../../../model/transaction.ts";
import { type ContainerRecord, runtimeOf } from "../../../model/container.ts";
import type { BackendRecord, ServiceRecord } from "../../../model/records.ts";
import type { State } from "../../../model/state.ts";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { shortId } from "../../../../lib/api/names.ts";
import type { LinkAlias } from "../../../../lib/api/types.ts";
import { byState } from "../../confirmed.ts";
import { type Context, networkAndDriver, now } from "../../context.ts";
import { freeInterface, takenInterfaces } from "./driver_specs.ts";
import { backendContainer, containerLabel } from "../../labels.ts";
import { elsewhere, serviceLabel } from "../../services/service_labels.ts";

/** A decided service, and what its transaction checks and writes besides its own records. */
export interface Decided {
  service: ServiceRecord;
  transaction: Fragment;
}

/** What deciding needs of the daemon. */
export type RulesContext = Pick<
  Context,
  "state" | "cluster" | "drivers" | "namespaces" | "host" | "hostId"
>;

/** Wishes for an attachment besides the service. */
export interface Wishes {
  /** Name of the link inside. */
  interface?: string;
  /** Prefix of the link's name, where the name isn't given. */
  prefix?: string;
  /** As {@linkcode BackendRecord.gwPriority}. */
  gwPriority?: number;
}

/** How a container is attached. */
export interface AttachOptions extends Wishes {
  aliases?: LinkAlias[] | undefined;
}

/** A wanted backend. */
export interface BackendWanted extends AttachOptions {
  service: ServiceRecord;
  /** A container of this host. */
  container: string;
}

/** Which backend is detached. */
export interface DetachOptions {
  /** The container that the caller means. */
  wanted?: { id: string; name?: string } | undefined;
  /** Detaches any backend, and accepts that there is none. */
  force?: boolean;
}

/**
 * Decides a service with its new backend, a container of this host whose lock is held.
 *
 * @throws {NetsvcError} when the container can't back it
 */
export function decideBackend(
  context: RulesContext,
  { service, container: containerId, aliases = [], ...wishes }: BackendWanted,
): Decided {
  const { state, cluster, host, hostId } = context;
  const container = state.containers.get(containerId);
  if (!container) {
    throw new NetsvcError("not_found", `No such container: "${shortId(containerId)}"`);
  }
  if (service.mode !== "single") {
    throw new NetsvcError(
      "conflict",
      `The service "${serviceLabel(state, service)}" has many backends by now; try again`,
    );
  }
  checkAttachable(context, service, container.record);
  const global = networkAndDriver(context, service.network).network.record.scope === "global";
  const { address } = cluster.membership;
  const backend: BackendRecord = {
    container: containerId,
    ...container.record.name !== undefined && { containerName: container.record.name },
    ...ownHostname(container.record, host),
    runtime: runtimeOf(container.record),
    host,
    hostId,
    ...global && address !== undefined && { address },
    interface: wishes.interface === undefined
      ? freeInterface(context, containerId, wishes.prefix)
      : wishedInterface(context, container.record, wishes.interface),
    attached: now(),
    aliases,
    ...wishes.gwPriority !== undefined && { gwPriority: wishes.gwPriority },
  };
  return {
    service: { ...service, backend },
    // On a global network the container is in the other store, which this daemon alone changes.
    transaction: global
      ? hostedHere({ membership: cluster.membership, hostId }, service)
      : together(containerRecords.unchanged(container)),
  };
}

/** The link name that was asked for. @throws {NetsvcError} `exists` */
function wishedInterface(
  context: RulesContext,
  container: ContainerRecord,
  name: string,
): string {
  if (!takenInterfaces(context, container.id).has(name)) return name;
  throw new NetsvcError(
    "exists",
    `The container "${containerLabel(container)}" has an interface "${name}" already; choose ` +
      `another name`,
  );
}

/**
 * The host name of a container, where it says more than its name does. A container with this host's host name has
 * merely inherited that.
 */
function ownHostname(
  { id, name, hostname }: ContainerRecord,
  host: string,
): Pick<BackendRecord, "containerHostname"> {
  const known = [name, shortId(id), host].map((word) => word?.toLowerCase());
  return known.includes(hostname.toLowerCase()) ? {} : { containerHostname: hostname };
}

function checkAttachable(
  context: RulesContext,
  service: ServiceRecord,
  container: ContainerRecord,
): void {
  const label = containerLabel(container);
  const live = rivalOf(context.state, { service, container: container.id });
  if (live) {
    const first = containerLabel(backendContainer(live));
    throw new NetsvcError(
      "in_use",
      live.container === container.id
        ? `The container "${first}" is attached to service "${
          serviceLabel(context.state, service)
        }" already`
        : `The service "${
          serviceLabel(context.state, service)
        }" already has a backend, the container ` +
          `"${first}"${elsewhere(context, live)}; detach it first`,
    );
  }
  const mode = container.kind === "own" ? container.networkMode : "networks";
  const why = container.state === "exited"
    ? "it has exited"
    : mode === "host"
    ? "it uses the host's network"
    : mode.startsWith("container:")
    ? "it shares the sandbox of another container; attach that one"
    : clash(context, service, container.id);
  if (why === undefined) return;
  throw new NetsvcError("invalid", `Cannot attach the container "${label}": ${why}`);
}

/** Whose place it would be: the one backend's; of a service with many only that of the same container. */
function rivalOf(
  state: State,
  { service, container }: { service: ServiceRecord; container: string },
): BackendRecord | undefined {
  if (service.of === undefined) return state.backendsOf(service)[0];
  return state.partsOf(service.of).map(({ record }) => record.backend!)
    .find((backend) => backend.container === container && backend.hostId === state.hostId);
}

/** Why two networks of a container clash: global ones may share a subnet, but one container can't be on both. */
function clash(
  { state }: RulesContext,
  service: ServiceRecord,
  container: string,
): string | undefined {
  const subnets = (network: string) =>
    state.networks.get(network)?.record.pools.map(({ subnet }) => parseCidr(subnet)) ?? [];
  const own = subnets(service.network);
  for (const { record } of state.servicesBackedBy(container)) {
    if (record.network === service.network) continue;
    if (!subnets(record.network).some((a) => own.some((b) => cidrsOverlap(a, b)))) continue;
    const name = state.networks.get(record.network)?.record.name ?? "?";
    return `it is on network "${name}", whose subnet overlaps that of ` +
      `"${state.networks.get(service.network)?.record.name}"; take it off that one first`;
  }
  return undefined;
}

/** Refuses to detach another backend than the one that is meant. @throws {NetsvcError} `invalid` */
export function checkDetachable(
  context: Pick<Context, "state" | "hostId">,
  { service, wanted, force = false }: DetachOptions & { service: ServiceRecord },
): void {
  const label = serviceLabel(context.state, service);
  const live = context.state.backendsOf(service)[0];
  if (!live && !force) {
    throw byState(new NetsvcError("invalid", `The service "${label}" has no backend`));
  }
  if (!live || !wanted || live.container === wanted.id) return;
  throw byState(
    new NetsvcError(
      "invalid",
      `The container "${containerLabel(wanted)}" doesn't back service "${label}"; ` +
        `"${containerLabel(backendContainer(live))}"${elsewhere(context, live)} does`,
    ),
  );
}
