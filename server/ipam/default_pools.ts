/**
 * Picks the subnets of networks when the user gives none. Pure.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import {
  bitsOf,
  type Cidr,
  cidrsOverlap,
  type Family,
  formatCidr,
  lastIp,
  parseCidr,
} from "../../lib/ip/cidr.ts";
import { refuseForbidden } from "./network_pools.ts";

/** A block that is divided into subnets of one size. */
export interface AddressPool {
  base: Cidr;
  /** Prefix length of the subnets. */
  size: number;
}

/** Pools of a daemon without configured ones: RFC 1918, the ranges that collide least first. */
export const DEFAULT_IPV4_POOLS: readonly string[] = [
  "base=172.16.0.0/12,size=20",
  "base=192.168.0.0/16,size=24",
  "base=10.0.0.0/8,size=20",
];

/** A host's own IPv6 pool (RFC 4193): `fd`, 40 random bits, and a /64 per network. */
export function uniqueLocalPool(globalId: Uint8Array): AddressPool {
  const value = [0xfd, ...globalId.subarray(0, 5)]
    .reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) << 80n;
  return { base: { family: 6, prefix: 48, value }, size: 64 };
}

/**
 * Parses `base=CIDR,size=N`, as in Docker's option of this name, or `CIDR` for one subnet, or `CIDR:N`.
 *
 * @throws {NetsvcError} `invalid` naming the value and the form
 */
export function parseAddressPool(text: string): AddressPool {
  const parts = text.match(/^base=([^,]+),size=(\d{1,3})$/) ??
    text.match(/^([^,=]+\/\d{1,3}):(\d{1,3})$/) ?? text.match(/^([^,=]+\/\d{1,3})$/);
  if (!parts) {
    throw new NetsvcError(
      "invalid",
      `Invalid address pool ${JSON.stringify(text)}; write it like base=172.16.0.0/12,size=20`,
    );
  }
  const base = parseCidr(parts[1]!);
  const size = parts[2] === undefined ? base.prefix : Number(parts[2]);
  const most = bitsOf(base.family) - 2;
  if (size < base.prefix || size > most) {
    throw new NetsvcError(
      "invalid",
      `Invalid address pool "${text}": the size must be between ${base.prefix} and ${most}`,
    );
  }
  refuseForbidden("address pool", base);
  return { base, size };
}

/**
 * The first free subnet of the pools of a family.
 *
 * Blocks are nested or disjoint, so the search jumps behind each obstacle: it takes as many steps as there are
 * obstacles, not as there are subnets.
 *
 * @throws {NetsvcError} `exhausted` naming the pools
 */
export function pickPool(
  { family, pools, taken }: { family: Family; pools: AddressPool[]; taken: Cidr[] },
): Cidr {
  const own = pools.filter(({ base }) => base.family === family);
  for (const { base, size } of own) {
    const obstacles = taken.filter((block) => block.family === family && cidrsOverlap(block, base))
      .sort((a, b) => a.value < b.value ? -1 : a.value > b.value ? 1 : a.prefix - b.prefix);
    const step = 1n << BigInt(bitsOf(family) - size);
    const end = lastIp(base).value;
    let at = base.value;
    for (const block of obstacles) {
      // Sorted by start: this block begins behind the subnet, and so do all that follow.
      if (block.value > at + step - 1n) break;
      const after = lastIp(block).value + 1n;
      if (after > at) at = ((after + step - 1n) / step) * step;
    }
    if (at + step - 1n <= end) return { family, value: at, prefix: size };
  }
  const list = own.map(({ base, size }) => `${formatCidr(base)} in /${size}`).join(", ");
  throw new NetsvcError(
    "exhausted",
    `No free IPv${family} subnet is left in the address pools (${list || "none"}); ` +
      `choose one with --subnet or add one with --default-address-pool`,
  );
}
