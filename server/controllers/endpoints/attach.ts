/**
 * Attaches a container to a service.
 *
 * @module
 */
import { InterfaceTaken } from "../../../drivers/links/links.ts";
import type { NetworkRecord, ServiceRecord } from "../../model/records.ts";
import { serviceRecords } from "../../model/repository/services.ts";
import { together, tryAgain } from "../../model/transaction.ts";
import { type Context, networkAndDriver } from "../context.ts";
import type { Held, Locks } from "../locks.ts";
import { currentService } from "../services/service_labels.ts";
import { type AttemptContext, beginAttempt, finishAttempt } from "./attempt.ts";
import { type AttachOptions, decideBackend, type RulesContext } from "./specs/rules.ts";

/** What attaching needs of the daemon. */
export type AttachContext = AttemptContext & RulesContext & Pick<Context, "locks">;

/** Waits for a network that is being created: it must exist before anything is attached to it. */
export async function awaitNetwork(locks: Locks, { name }: NetworkRecord): Promise<void> {
  await locks.networkName(name, () => Promise.resolve());
}

/** Attaches a container to an existing service, in store and kernel. */
export async function attach(
  context: AttachContext,
  { held, service: id, ...options }: AttachOptions & { held: Held<"container">; service: string },
): Promise<ServiceRecord> {
  const { state, locks } = context;
  const on = currentService(state, id).record.network;
  const { network, driver } = networkAndDriver(context, on);
  await awaitNetwork(locks, network.record);
  return await locks.service(id, () =>
    tryAgain(() =>
      driver.change(async (changes) => {
        const stored = currentService(state, id);
        const backend = { ...options, service: stored.record, container: held.id };
        const { service, transaction } = decideBackend(context, backend);
        const attempt = beginAttempt(context, {
          changes,
          service,
          transaction: together(
            serviceRecords.replace(stored, service, network.record),
            transaction,
          ),
        });
        try {
          return await finishAttempt(context, attempt);
        } catch (error) {
          // The next attempt sees the link that has the name, and chooses another.
          if (!(error instanceof InterfaceTaken)) throw error;
          return { conflict: `the interface ${attempt.join.interface}` };
        }
      })
    ));
}
