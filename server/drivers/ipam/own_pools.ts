/**
 * Pools of a network with a plugin's ids of them, and the addresses in them that are the network's own.
 *
 * @module
 */
import type { AllocatedPool } from "../../../drivers/ipam.ts";
import { PluginAnswerError } from "../../../drivers/remote/protocol/errors.ts";
import type { Pool } from "../../../lib/api/types.ts";
import { bareAddress } from "../../../lib/ip/text.ts";
import { reserved } from "../../ipam/allocator.ts";
import type { NetworkRecord } from "../../model/records.ts";

/** Addresses of the network's own that a plugin may return before the request fails. */
const MAX_OWN = 16;

/** A network's pools with the plugin's ids of them. */
export function poolsOf({ pools, ipam }: NetworkRecord): (Pool & AllocatedPool)[] {
  return (ipam?.pools ?? []).map(({ poolId }, i) => ({ ...pools[i]!, poolId }));
}

/**
 * Asks until the plugin returns an address that isn't the network's gateway or an auxiliary one: a plugin that
 * forgot these gives them, too.
 *
 * @throws {PluginAnswerError} when it returns none
 */
export async function notReserved(
  { plugin, pool }: { plugin: string; pool: Pool },
  ask: () => Promise<string>,
): Promise<string> {
  for (let left = MAX_OWN + Object.keys(pool.aux ?? {}).length;; left--) {
    const got = await ask();
    const use = reserved(pool, bareAddress(got));
    if (use === undefined) return got;
    if (left > 1) continue;
    throw new PluginAnswerError(
      plugin,
      "IpamDriver.RequestAddress",
      `it gives ${got} again and again, which is ${use} on this network`,
    );
  }
}
