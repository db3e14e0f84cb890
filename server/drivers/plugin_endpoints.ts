/**
 * What plugins report about endpoints, for people: never worth waiting for.
 *
 * @module
 */
import { atMost } from "../../lib/async/deadline.ts";
import type { State } from "../model/state.ts";
import type { ManagedDriver } from "./managed_driver.ts";
import type { ManagedDrivers } from "./managed_drivers.ts";

/** A plugin that takes longer than this reports nothing, in milliseconds. */
const PATIENCE_MS = 1_000;
/** Endpoints of a network that a plugin is asked about, at most. */
const MAX_ASKED = 64;

/** Drivers with an open question: they aren't asked another. */
const asking = new WeakSet<ManagedDriver>();

/** What the plugin of a network reports about the endpoints of this host, by the service's id. */
export async function pluginEndpoints(
  { drivers, state }: { drivers: Pick<ManagedDrivers, "get">; state: State },
  network: string,
): Promise<Record<string, Record<string, unknown>> | undefined> {
  const driver = drivers.get(state.networks.get(network)!.record.driver);
  if (!driver.capabilities.external || asking.has(driver)) return undefined;
  const told: Record<string, Record<string, unknown>> = {};
  asking.add(driver);
  const all = Promise.allSettled(
    state.ownBackends(network).slice(0, MAX_ASKED).map(async ({ id }) => {
      told[id] = await driver.endpointInfo(network, id);
    }),
  ).finally(() => asking.delete(driver));
  await atMost(all, PATIENCE_MS);
  return Object.keys(told).length > 0 ? { ...told } : undefined;
}
