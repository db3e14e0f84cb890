/**
 * Services under another name.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { checkAlias, checkName } from "../../../lib/api/names.ts";
import { keys } from "../../model/keys.ts";
import type { ServiceRecord } from "../../model/records.ts";
import type { Stored } from "../../model/stored.ts";
import { decideAndCommit, type Fragment } from "../../model/transaction.ts";
import { type Context, networkAndDriver } from "../context.ts";
import { currentService, serviceLabel } from "./service_labels.ts";

/** What a service is to be called, and whose it is to be. */
export interface Amendment {
  name: string;
  aliases?: string[];
  auto?: string;
  /** The backend's, where it has another one by now. */
  containerName?: string;
}

/**
 * Gives a service another name, aliases and owner; what it is on the network stays, and so does its
 * backend.
 *
 * @throws {NetsvcError} `exists` when another service has the name
 */
export async function amendService(
  context: Pick<Context, "state" | "drivers" | "locks">,
  id: string,
  amendment: Amendment,
): Promise<void> {
  const { state, locks } = context;
  const { name, aliases = [] } = amendment;
  const { network: on } = currentService(state, id).record;
  const { network } = networkAndDriver(context, on);
  checkName("service", name);
  for (const alias of aliases) checkAlias(alias);
  await locks.addresses(
    on,
    () =>
      decideAndCommit(state.mirrorOf(network.record), () => {
        const stored = currentService(state, id);
        const { record } = stored;
        const renamed = name.toLowerCase() !== record.name.toLowerCase();
        if (renamed && state.serviceByName(on, name)) {
          throw new NetsvcError(
            "exists",
            `The service "${serviceLabel(state, { ...record, name })}" already exists`,
          );
        }
        return { transaction: replacing(stored, amended(record, amendment)), result: undefined };
      }),
  );
}

function amended(
  record: ServiceRecord,
  { containerName, ...given }: Amendment,
): ServiceRecord {
  const { backend } = record;
  return {
    ...record,
    ...given,
    ...backend && containerName !== undefined && { backend: { ...backend, containerName } },
  };
}

/** Writes a service under its new name. Pure. */
function replacing({ record, revision }: Stored<ServiceRecord>, next: ServiceRecord): Fragment {
  const { id, network } = record;
  const own = keys.service(network, id);
  const renamed = next.name.toLowerCase() !== record.name.toLowerCase();
  const name = keys.serviceName(network, next.name);
  return {
    checks: [{ key: own, revision }, ...renamed ? [{ key: name, revision: null }] : []],
    puts: [
      { key: own, value: JSON.stringify(next) },
      ...renamed ? [{ key: name, value: JSON.stringify(id) }] : [],
    ],
    deletes: renamed
      ? [keys.serviceName(network, record.name), keys.retired(network, next.name)]
      : [],
  };
}
