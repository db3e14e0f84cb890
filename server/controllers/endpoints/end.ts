/**
 * Ends a service with the backend that it has on this host, if any.
 *
 * @module
 */
import type { Join } from "../../../drivers/driver.ts";
import { driven } from "../../drivers/network_spec.ts";
import { endBoth } from "../../drivers/side_by_side.ts";
import { type Context, networkAndDriver } from "../context.ts";
import { currentService } from "../services/service_labels.ts";
import type { UnpublishServices } from "../services/unpublish.ts";
import { isOnlyOurs, joinAgain } from "./detach.ts";
import { joinOf } from "./specs/driver_specs.ts";

/** Which service is ended, and how. */
export interface EndOptions {
  service: string;
  unpublishing: UnpublishServices;
  /** Runs as soon as the store has it, beside the kernel's work. */
  beside?: (() => Promise<void>) | undefined;
}

/**
 * Ends a service in store and kernel.
 *
 * @returns the join that was ended, if it was joined here
 */
export async function end(
  context: Pick<Context, "state" | "drivers" | "joined" | "namespaces" | "hostId" | "locks">,
  { service: id, unpublishing, beside }: EndOptions,
): Promise<Join | undefined> {
  const gone = Promise.withResolvers<void>();
  const ending = unpublishing.releasing(
    id,
    () =>
      context.locks.service(id, async () => {
        const { record } = currentService(context.state, id);
        const own = record.backend?.hostId === context.hostId
          ? record.backend.container
          : undefined;
        const join = own === undefined ? undefined : joinOf(context, record);
        const { network, driver } = networkAndDriver(context, record.network);
        const of = driven(driver, network.record);
        const { spec } = of;
        await driver.change(async (changes) => {
          const commit = async () => {
            await unpublishing.commit(id, own);
            // The converger waits for the lock, and then finds no link to remove.
            context.joined.delete(id);
            gone.resolve();
          };
          if (join && isOnlyOurs(of)) {
            await endBoth({
              commit,
              end: () => changes.leave(spec, join),
              what: `the end of service "${record.name}"`,
              makeAgain: () => joinAgain(context, { changes, of, join }),
            });
            return;
          }
          await commit();
          if (join) await changes.leave(spec, join);
        }, join && { network: spec, join });
        return join;
      }),
  );
  ending.catch(gone.reject);
  const [ended, done] = await Promise.allSettled([ending, gone.promise.then(beside)]);
  if (ended.status === "rejected") throw ended.reason;
  if (done.status === "rejected") throw done.reason;
  return ended.value;
}
