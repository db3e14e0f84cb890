/**
 * Facts about the host that the daemon keeps across restarts.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorChain, isAway } from "../../../lib/api/errors.ts";
import type { DaemonSettings } from "../../../lib/api/settings/settings.ts";
import {
  type AddressPool,
  DEFAULT_IPV4_POOLS,
  parseAddressPool,
  uniqueLocalPool,
} from "../../ipam/default_pools.ts";
import type { Mirror } from "../../model/mirror.ts";
import { type HostFact, hostFacts } from "../../model/repository/host_facts.ts";

const log = getLogger(["netsvc", "daemon"]);

/** Random bytes, as hex digits. */
function randomHex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}

/** A value of this host that is generated once and kept in its own store. */
async function ownValue(mirror: Mirror, fact: HostFact, make: () => string): Promise<string> {
  if (hostFacts.get(mirror, fact) === undefined) {
    await mirror.commit(hostFacts.create(fact, make()));
  }
  return hostFacts.get(mirror, fact)!;
}

/** The host's id, 64 hex digits. */
export async function hostIdOf(local: Mirror): Promise<string> {
  return await ownValue(local, "id", () => randomHex(32));
}

/**
 * Saves a fact for the next daemon, if the store accepts the write.
 *
 * @returns the fact's previous value
 */
export async function note(
  local: Mirror,
  { fact, value }: { fact: HostFact; value: string },
): Promise<string | undefined> {
  const before = hostFacts.get(local, fact);
  if (before === value) return before;
  try {
    await local.commit(hostFacts.put(fact, value));
  } catch (error) {
    if (!isAway(error)) throw error;
    log.warn("Cannot note the host's {fact}: {cause}", { fact, cause: errorChain(error)[0] });
  }
  return before;
}

/** The pools of the settings, and defaults: the IPv6 ones are unique to this host (RFC 4193). */
export async function addressPools(
  local: Mirror,
  { defaultAddressPools }: DaemonSettings,
): Promise<AddressPool[]> {
  const given = defaultAddressPools.map(parseAddressPool);
  const has = (family: number) => given.some(({ base }) => base.family === family);
  const globalId = await ownValue(local, "globalId", () => randomHex(5));
  return [
    ...given,
    ...has(4) ? [] : DEFAULT_IPV4_POOLS.map(parseAddressPool),
    ...has(6) ? [] : [uniqueLocalPool(Uint8Array.fromHex(globalId))],
  ];
}
