/**
 * What drivers decide about endpoints when they join them.
 *
 * @module
 */
import type { Decided as Decision } from "../../../drivers/driver.ts";
import type { ServiceRecord } from "../../model/records.ts";
import { serviceRecords } from "../../model/repository/services.ts";
import { decideAndCommit } from "../../model/transaction.ts";
import { type Context, networkAndDriver } from "../context.ts";
import { currentService } from "../services/service_labels.ts";

/**
 * Stores what a driver decided and netsvc didn't: the way out, addresses of a service that had none.
 *
 * @returns the service as it is now
 */
export async function keepDecision(
  context: Pick<Context, "state" | "drivers">,
  service: ServiceRecord,
  { wayOut, addresses: given }: Partial<Decision> = {},
): Promise<ServiceRecord> {
  const addresses = service.addresses.length > 0 ? [] : given ?? [];
  const { network } = networkAndDriver(context, service.network);
  const differs = wayOut !== undefined && wayOut !== "own" && !network.record.internal;
  if (!differs && addresses.length === 0) return service;
  return await decideAndCommit(context.state.mirrorOf(network.record), () => {
    const stored = currentService(context.state, service.id);
    const { record } = stored;
    const next: ServiceRecord = {
      ...record,
      ...addresses.length > 0 && { addresses },
      backend: { ...record.backend!, ...differs && { wayOut } },
    };
    return { transaction: serviceRecords.replace(stored, next, network.record), result: next };
  });
}
