/**
 * Which of a container's networks carries its default routes and its published ports, when that changes.
 *
 * @module
 */
import type { Join } from "../../../drivers/driver.ts";
import { networkSpec } from "../../drivers/network_spec.ts";
import type { ServiceRecord } from "../../model/records.ts";
import { type Context, networkAndDriver } from "../context.ts";
import type { Held } from "../locks.ts";
import { gatewayService, gatewayService6, joinOf } from "./specs/driver_specs.ts";

/** What moving needs of the daemon. */
export type MoveContext = Pick<
  Context,
  "state" | "drivers" | "namespaces" | "hostId" | "locks"
>;

/**
 * Moves the default routes to a service that has been attached, if it now ranks first.
 *
 * @param before the service that had them until then
 */
export async function passOn(
  context: MoveContext,
  { held, before }: { held: Held<"container">; before: ServiceRecord | undefined },
): Promise<void> {
  if (!before || gatewayService(context, held.id)?.id === before.id) return;
  const { network, driver } = networkAndDriver(context, before.network);
  const { ports } = context.state.containers.get(held.id)!.record;
  const join: Join = { ...joinOf(context, before), gateway: true, ports };
  await driver.unpublish(networkSpec(network.record), join);
  await moveGateway(context, held);
}

/** Gives the default routes and the ports of a sandbox to the network that now ranks first. */
export async function moveGateway(
  context: MoveContext,
  { id: container }: { id: string },
): Promise<void> {
  const { state, namespaces, locks } = context;
  const next = [gatewayService, gatewayService6].map((find) => find(context, container)?.id);
  for (const id of new Set(next)) {
    const service = state.services.get(id ?? "")?.record;
    if (!service || !namespaces.alive(container)) continue;
    const { network, driver } = networkAndDriver(context, service.network);
    await locks.service(service.id, async () => {
      const now = state.services.get(service.id)?.record;
      if (now?.backend?.container !== container) return;
      await driver.join(networkSpec(network.record), joinOf(context, now));
    });
  }
}
