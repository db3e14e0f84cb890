/**
 * Picks an address of a pool. Pure: the caller says which addresses have owners, and the store decides in the end,
 * since the address is a key of its own.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import type { Pool } from "../../lib/api/types.ts";
import {
  type Cidr,
  cidrContains,
  cidrSize,
  formatCidr,
  formatIp,
  type Ip,
  lastIp,
  parseCidr,
  parseIp,
} from "../../lib/ip/cidr.ts";
import { isHostAddress } from "./network_pools.ts";

/** Options of {@linkcode pickAddress}. */
export interface PickOptions {
  pool: Pool;
  /** Whether an address has an owner. */
  taken: (ip: string) => boolean;
  /** When an address was released (in ms), while it is quarantined. */
  quarantined: (ip: string) => number | undefined;
  /** The address that the user asked for. */
  wanted?: string;
  /** The address that the service had before. */
  previous?: string;
  /** The address picked last: the search continues behind it. */
  cursor?: string | undefined;
}

/** Longest search, in addresses: an IPv6 subnet has no end. */
const MAX_STEPS = 1 << 20;

/** The name under which an address is reserved in a pool, or `undefined`. */
export function reserved(pool: Pool, ip: string): string | undefined {
  if (ip === pool.gateway) return "the gateway";
  const aux = Object.entries(pool.aux ?? {}).find(([, address]) => address === ip);
  return aux && `reserved for "${aux[0]}"`;
}

/**
 * An address for an endpoint: the wanted one, otherwise its previous one, otherwise the next free one behind the
 * cursor that isn't quarantined, otherwise the one that was released first.
 *
 * @throws {NetsvcError} `invalid`, `exists` about a wanted address; `exhausted`
 */
export function pickAddress(options: PickOptions): string {
  const { pool, taken } = options;
  const subnet = parseCidr(pool.subnet);
  if (options.wanted !== undefined) return checkWanted(options, subnet, options.wanted);
  const range = pool.range === undefined ? subnet : parseCidr(pool.range);
  const usable = (ip: Ip, text: string) =>
    isHostAddress(subnet, ip) && reserved(pool, text) === undefined && !taken(text);
  const { previous } = options;
  // Also from outside the range: the user may have asked for the address by name.
  if (previous !== undefined && usable(parseIp(previous), previous)) return previous;
  return search(options, range, usable) ?? exhausted(pool, range);
}

function checkWanted({ pool, taken }: PickOptions, subnet: Cidr, wanted: string): string {
  const ip = parseIp(wanted);
  const text = formatIp(ip);
  if (!isHostAddress(subnet, ip)) {
    throw new NetsvcError(
      "invalid",
      `The address ${text} is ${cidrContains(subnet, ip) ? "no host's in" : "outside"} ` +
        `the subnet ${pool.subnet}; choose one inside`,
    );
  }
  const reason = reserved(pool, text);
  if (reason !== undefined) {
    throw new NetsvcError("exists", `The address ${text} is ${reason}; choose another`);
  }
  if (taken(text)) {
    throw new NetsvcError("exists", `The address ${text} is already in use; choose another`);
  }
  return text;
}

/** Walks the range once, from behind the cursor, wrapping around. */
function search(
  { cursor, quarantined }: PickOptions,
  range: Cidr,
  usable: (ip: Ip, text: string) => boolean,
): string | undefined {
  const { family, value: first } = range;
  const last = lastIp(range).value;
  const size = cidrSize(range);
  const steps = size > BigInt(MAX_STEPS) ? MAX_STEPS : Number(size);
  let value = cursor === undefined ? first : parseIp(cursor).value + 1n;
  let rested: { text: string; since: number } | undefined;
  for (let i = 0; i < steps; i++, value++) {
    if (value > last || value < first) value = first;
    const ip: Ip = { family, value };
    const text = formatIp(ip);
    if (!usable(ip, text)) continue;
    const since = quarantined(text);
    if (since === undefined) return text;
    if (!rested || since < rested.since) rested = { text, since };
  }
  return rested?.text;
}

function exhausted(pool: Pool, range: Cidr): never {
  throw new NetsvcError(
    "exhausted",
    `No free address is left in ${pool.range === undefined ? "the subnet" : "the range"} ` +
      `${formatCidr(range)} (${cidrSize(range)} addresses); unpublish a service or use a network ` +
      `with a larger one`,
  );
}
