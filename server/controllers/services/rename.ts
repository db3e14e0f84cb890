/**
 * Gives services other names.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { checkAlias, checkName } from "../../../lib/api/names.ts";
import type { ServiceRecord } from "../../model/records.ts";
import { retiredRecords } from "../../model/repository/retired.ts";
import { serviceRecords } from "../../model/repository/services.ts";
import { decideAndCommit, together } from "../../model/transaction.ts";
import { type Context, networkAndDriver } from "../context.ts";
import { currentService, serviceLabel } from "./service_labels.ts";

/** The new name, aliases and owner of a service. */
export interface Amendment {
  name: string;
  aliases?: string[];
  auto?: string;
  /** The backend's name, where it has another one by now. */
  containerName?: string;
}

/**
 * Gives a service another name, aliases and owner; its endpoint and its backend stay.
 *
 * @throws {NetsvcError} `exists` when another service has the name
 */
export async function amendService(
  context: Pick<Context, "state" | "drivers" | "locks">,
  { service: id, ...amendment }: Amendment & { service: string },
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
        const mirror = state.mirrorOf(network.record);
        return {
          transaction: together(
            serviceRecords.replace(stored, amended(record, amendment), network.record),
            renamed ? retiredRecords.forget(mirror, on, name) : {},
          ),
          result: undefined,
        };
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
