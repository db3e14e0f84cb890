/**
 * The addresses of an endpoint: one of each family that its network has. Pure, as the allocator.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import type { Network, Pool } from "../../lib/api/types.ts";
import { pickAddress, type PickOptions } from "./allocator.ts";
import {
  cidrContains,
  type Family,
  formatCidr,
  formatIp,
  type Ip,
  parseCidr,
  parseIp,
} from "../../lib/ip/cidr.ts";

/** Most addresses skipped after conflicts. */
const MAX_PASSED = 64;

/** Options of {@linkcode pickAddresses}. */
export interface PickManyOptions extends Pick<PickOptions, "taken" | "quarantined"> {
  network: Pick<Network, "id" | "name" | "pools">;
  /** Addresses that the user asked for: at most one of each family. */
  wanted: string[];
  /** CIDRs that the service had before. */
  previous: string[];
  /** The address picked last, by `NETWORK-ID/SUBNET`; updated by the call. */
  cursors: Map<string, string>;
  /**
   * How often in a row another host took the address that was picked. A host that then tries the next one would
   * collide with the same hosts there: the search skips some, at random.
   *
   * @default 0
   */
  conflicts?: number;
}

/** The wanted address of each family. @throws {NetsvcError} `invalid` */
export function wantedByFamily(
  { network, wanted }: Pick<PickManyOptions, "network" | "wanted">,
): Map<Family, Ip> {
  const map = new Map<Family, Ip>();
  for (const text of wanted) {
    const ip = parseIp(text);
    if (!network.pools.some(({ family }) => family === ip.family)) {
      throw new NetsvcError(
        "invalid",
        `The network "${network.name}" has no IPv${ip.family} addresses, so not ${text} either`,
      );
    }
    if (map.has(ip.family)) {
      throw new NetsvcError("invalid", `Two IPv${ip.family} addresses for one service; give one`);
    }
    map.set(ip.family, ip);
  }
  return map;
}

function holds(pool: Pool, ip: Ip): boolean {
  return cidrContains(parseCidr(pool.subnet), ip);
}

function cursorKey({ network }: PickManyOptions, pool: Pool): string {
  return `${network.id}/${pool.subnet}`;
}

/** The cursor of a pool: the address picked last, moved on after conflicts. */
function cursorOf(options: PickManyOptions, pool: Pool): string | undefined {
  const { conflicts = 0 } = options;
  const cursor = options.cursors.get(cursorKey(options, pool));
  if (conflicts === 0 || cursor === undefined) return cursor;
  const { family, value } = parseIp(cursor);
  const further = {
    family,
    value: value + BigInt(Math.floor(Math.random() * Math.min(2 ** (conflicts + 1), MAX_PASSED))),
  };
  return holds(pool, further) ? formatIp(further) : cursor;
}

function withPrefix(pool: Pool, ip: string): string {
  return `${ip}/${parseCidr(pool.subnet).prefix}`;
}

/**
 * Picks the addresses, as CIDRs, IPv4 first: each family's from the first of its pools with a free one, preferably
 * the address that the service had before.
 *
 * @throws {NetsvcError} `invalid`, `exists` about a wanted address; `exhausted`
 */
export function pickAddresses(options: PickManyOptions): string[] {
  const wanted = wantedByFamily(options);
  const { pools: all } = options.network;
  const families = [...new Set(all.map(({ family }) => family))].sort();
  return families.map((family) => {
    const pools = all.filter((pool) => pool.family === family);
    const ip = wanted.get(family);
    return ip ? take(options, pools, ip) : pickFrom(options, pools);
  });
}

function take(options: PickManyOptions, pools: Pool[], ip: Ip): string {
  const pool = pools.find((pool) => holds(pool, ip)) ?? pools[0]!;
  if (pools.length > 1 && !holds(pool, ip)) {
    throw new NetsvcError(
      "invalid",
      `The address ${formatIp(ip)} is outside all subnets ` +
        `${pools.map(({ subnet }) => formatCidr(parseCidr(subnet))).join(", ")}; choose one inside`,
    );
  }
  const { taken, quarantined } = options;
  return withPrefix(pool, pickAddress({ taken, quarantined, pool, wanted: formatIp(ip) }));
}

function pickFrom(options: PickManyOptions, pools: Pool[]): string {
  const previous = options.previous.map((cidr) => cidr.split("/")[0]!);
  const before = (pool: Pool) => previous.find((ip) => holds(pool, parseIp(ip)));
  // The pools of the previous addresses come first.
  const order = [...pools.filter(before), ...pools.filter((pool) => !before(pool))];
  let full: unknown;
  let resting: string | undefined;
  for (const pool of order) {
    const old = before(pool);
    try {
      const ip = pickAddress({
        taken: options.taken,
        quarantined: options.quarantined,
        pool,
        ...old !== undefined && { previous: old },
        cursor: cursorOf(options, pool),
      });
      if (ip !== old && options.quarantined(ip) !== undefined) {
        // Another pool may have an address that isn't quarantined.
        resting ??= withPrefix(pool, ip);
        continue;
      }
      options.cursors.set(cursorKey(options, pool), ip);
      return withPrefix(pool, ip);
    } catch (error) {
      if (!(error instanceof NetsvcError) || error.code !== "exhausted") throw error;
      full ??= error;
    }
  }
  if (resting !== undefined) return resting;
  throw full;
}
