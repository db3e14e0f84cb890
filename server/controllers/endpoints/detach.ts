/**
 * Detaches the backend of a service; the service stays, with its address where that is its own.
 *
 * @module
 */
import type { Join } from "../../../drivers/driver.ts";
import { type Driven, driven } from "../../drivers/network_spec.ts";
import type { Changes } from "../../drivers/noted_driver.ts";
import { endBoth } from "../../drivers/side_by_side.ts";
import type { ServiceRecord } from "../../model/records.ts";
import { serviceRecords } from "../../model/repository/services.ts";
import { retiredRecords } from "../../model/repository/retired.ts";
import { decideAndCommit, together } from "../../model/transaction.ts";
import { type Context, networkAndDriver, now } from "../context.ts";
import type { Held } from "../locks.ts";
import { currentService } from "../services/service_labels.ts";
import { joinOf } from "./specs/driver_specs.ts";

/** Throws when a service, as it is at the detachment, may not be detached. */
export interface DetachCheck {
  check?: (service: ServiceRecord) => void;
}

/** Takes the backend of a service out of the store; one among many takes its endpoint along. */
export function commitDetach(
  context: Pick<Context, "state" | "drivers">,
  id: string,
  { check = () => {} }: DetachCheck = {},
): Promise<void> {
  const { state } = context;
  const { network } = networkAndDriver(context, currentService(state, id).record.network);
  return decideAndCommit(state.mirrorOf(network.record), () => {
    const stored = currentService(state, id);
    const { record } = stored;
    check(record);
    if (record.of !== undefined) {
      const mirror = state.mirrorOf(network.record);
      return {
        transaction: together(
          serviceRecords.remove(stored, network.record),
          retiredRecords.put(mirror, record, now()),
        ),
        result: undefined,
      };
    }
    const { backend: _, ...rest } = record;
    // A plugin gave these addresses to this attachment only.
    const given = network.record.ipam?.driver === "null" ? record.addresses : [];
    const service = { ...rest, ...given.length > 0 && { addresses: [] } };
    const transaction = serviceRecords.replace(stored, service, network.record);
    return { transaction, result: undefined };
  });
}

/**
 * Detaches in store and kernel.
 *
 * @returns the join that was ended, if it was joined here
 */
export async function detach(
  context: Pick<Context, "state" | "drivers" | "joined" | "namespaces" | "hostId">,
  { held: { id }, check = () => {} }: DetachCheck & { held: Held<"service"> },
): Promise<Join | undefined> {
  const { state, hostId, joined } = context;
  const { record: before } = currentService(state, id);
  if (before.backend?.hostId !== hostId) {
    await commitDetach(context, id, { check });
    return undefined;
  }
  // Read before the commit: gateway and ports are lost with the backend.
  const join = joinOf(context, before);
  const { network, driver } = networkAndDriver(context, before.network);
  const of = driven(driver, network.record);
  check(before);
  await driver.change(async (changes) => {
    // Its link is this function's to remove, and no longer the converger's.
    joined.delete(id);
    const commit = () => commitDetach(context, id, { check });
    const leave = () => changes.leave(of.spec, join);
    if (isOnlyOurs(of)) {
      await endBoth({
        commit,
        end: leave,
        what: `the detachment of service "${before.name}"`,
        makeAgain: () => joinAgain(context, { changes, of, join }),
      });
      return;
    }
    await commit().catch((error) => {
      if (of.spec.scope === "global") joined.set(of, join);
      throw error;
    });
    await leave();
  }, { network: of.spec, join });
  return join;
}

/**
 * Whether the store's half can only fail with the store itself: no other host changes the service, and no plugin has
 * a say. Only then may the kernel's half begin before the store has answered.
 */
export function isOnlyOurs({ spec, driver }: Driven): boolean {
  return spec.scope === "local" && !driver.capabilities.external;
}

/** Joins again what left although the store has kept it. */
export async function joinAgain(
  { state }: Pick<Context, "state">,
  { changes, of, join }: { changes: Changes; of: Driven; join: Join },
): Promise<void> {
  const { backend } = state.services.get(join.endpoint.id)?.record ?? {};
  if (backend?.container === join.sandbox.id) await changes.join(of.spec, join);
}
