/**
 * Restores the link of a backend of this host, e.g. after another program has changed it.
 *
 * @module
 */
import { driven } from "../../drivers/network_spec.ts";
import { allowIpv6 } from "../../sandbox/netns.ts";
import { type Context, networkAndDriver } from "../context.ts";
import { plugIn } from "./interfaces.ts";

/** Restores the link of a service, if it has one here. */
export async function mend(context: Context, id: string): Promise<void> {
  const { locks, state, namespaces } = context;
  const on = state.services.get(id)?.record.network;
  if (on === undefined) return;
  const { network, driver } = networkAndDriver(context, on);
  if (driver.capabilities.external) return; // A plugin's links are the plugin's to mend.
  await locks.service(id, async () => {
    const service = state.services.get(id)?.record;
    const { backend } = service ?? {};
    if (backend?.hostId !== state.hostId || !namespaces.alive(backend.container)) return;
    allowIpv6(namespaces.path(backend.container), backend.interface);
    const join = await plugIn(context, service!);
    const of = driven(driver, network.record);
    if (of.spec.scope === "global") context.joined.set(of, join);
  });
}
