/**
 * From what a user asked of a network's addresses to its pools. Pure.
 *
 * @module
 */
import { NetsvcError } from "../wire/errors.ts";
import type { CreateNetwork, Pool } from "../wire/types.ts";
import {
  bitsOf,
  type Cidr,
  cidrContains,
  cidrsOverlap,
  type Family,
  firstIp,
  formatCidr,
  formatIp,
  type Ip,
  lastIp,
  parseCidr,
  parseIp,
} from "./cidr.ts";

/** Blocks that no network can have, and why. */
const FORBIDDEN: [string, string][] = [
  ["0.0.0.0/8", "addresses of no host"],
  ["127.0.0.0/8", "loopback"],
  ["169.254.0.0/16", "link-local"],
  ["224.0.0.0/4", "multicast"],
  ["240.0.0.0/4", "reserved"],
  ["::/127", "loopback"],
  ["fe80::/10", "link-local"],
  ["ff00::/8", "multicast"],
];

function invalid(message: string): NetsvcError {
  return new NetsvcError("invalid", message);
}

/** Refuses a block of addresses that no network can have. @throws {NetsvcError} `invalid` */
export function refuseForbidden(what: string, given: Cidr): void {
  for (const [block, why] of FORBIDDEN) {
    if (cidrsOverlap(given, parseCidr(block))) {
      throw invalid(
        `The ${what} ${formatCidr(given)} overlaps ${block} (${why}); use a private one like ` +
          (given.family === 4 ? "10.7.0.0/24" : "fd00:7::/64"),
      );
    }
  }
}

/** A subnet that can carry a network. */
function checkSubnet(text: string): Cidr {
  const subnet = parseCidr(text);
  if (subnet.prefix > bitsOf(subnet.family) - 2) {
    throw invalid(
      `The subnet ${text} is too small: use a prefix of /${bitsOf(subnet.family) - 2} or shorter`,
    );
  }
  refuseForbidden("subnet", subnet);
  return subnet;
}

/** The only item of a family, refusing a second. */
function onePerFamily<T extends Ip>(what: string, items: T[]): Map<Family, T> {
  const map = new Map<Family, T>();
  for (const item of items) {
    if (map.has(item.family)) {
      throw invalid(`Two IPv${item.family} ${what}s given; a network has one of each family`);
    }
    map.set(item.family, item);
  }
  return map;
}

/** Whether an address of a subnet can be a host's. */
export function isHostAddress(subnet: Cidr, ip: Ip): boolean {
  if (!cidrContains(subnet, ip) || ip.value === firstIp(subnet).value) return false;
  return subnet.family === 6 || ip.value !== lastIp(subnet).value;
}

function checkHost(what: string, ip: Ip, subnet: Cidr): Ip {
  if (isHostAddress(subnet, ip)) return ip;
  const why = cidrContains(subnet, ip)
    ? "is the network's own or its broadcast address in"
    : "is outside the subnet";
  throw invalid(`The ${what} ${formatIp(ip)} ${why} ${formatCidr(subnet)}; choose another`);
}

/** The pools' items that belong to a subnet; what belongs to none is refused. */
function assign<T extends Ip>(
  what: string,
  items: T[],
  subnets: Map<Family, Cidr>,
  text: (item: T) => string,
): Map<Family, T> {
  for (const item of items) {
    if (!subnets.has(item.family)) {
      throw invalid(
        `The ${what} ${text(item)} needs an IPv${item.family} subnet; give one with --subnet`,
      );
    }
  }
  return onePerFamily(what, items);
}

/**
 * The pools of a network to be; `pick` finds a subnet where the user gave none.
 *
 * @throws {NetsvcError} `invalid` naming the value and the remedy
 */
export function planPools(request: CreateNetwork, pick: (family: Family) => Cidr): Pool[] {
  const given = onePerFamily("subnet", (request.subnets ?? []).map(checkSubnet));
  const gatewayIps = (request.gateways ?? []).map(parseIp);
  const rangeCidrs = (request.ranges ?? []).map(parseCidr);
  // What is said about addresses without a subnet can't be meant for one picked at random.
  const gateways = assign("gateway", gatewayIps, given, formatIp);
  const ranges = assign("range", rangeCidrs, given, formatCidr);
  const aux = Object.entries(request.aux ?? {}).map(([name, text]) => ({
    name,
    ip: parseIp(text),
  }));
  for (const { ip } of aux) assign("auxiliary address", [ip], given, formatIp);
  const subnets = new Map(given);
  if (!subnets.has(4)) subnets.set(4, pick(4));
  if (request.ipv6 && !subnets.has(6)) subnets.set(6, pick(6));
  return [...subnets.values()].sort((a, b) => a.family - b.family).map((subnet) =>
    planPool(
      subnet,
      gateways.get(subnet.family),
      ranges.get(subnet.family),
      aux.filter(({ ip }) => ip.family === subnet.family),
    )
  );
}

function planPool(
  subnet: Cidr,
  gateway: Ip | undefined,
  range: Cidr | undefined,
  aux: { name: string; ip: Ip }[],
): Pool {
  const seen = new Map<bigint, string>();
  for (const { name, ip } of aux) {
    checkHost("auxiliary address", ip, subnet);
    if (seen.has(ip.value) || ip.value === gateway?.value) {
      throw invalid(`The auxiliary address ${formatIp(ip)} is given twice; choose another`);
    }
    seen.set(ip.value, name);
  }
  if (range && !cidrContains(subnet, range)) {
    throw invalid(
      `The range ${formatCidr(range)} is outside the subnet ${
        formatCidr(subnet)
      }; choose one inside`,
    );
  }
  const chosen = gateway ? checkHost("gateway", gateway, subnet) : firstFree(subnet, seen);
  return {
    family: subnet.family,
    subnet: formatCidr(subnet),
    gateway: formatIp(chosen),
    ...range && { range: formatCidr(range) },
    ...aux.length > 0 &&
      { aux: Object.fromEntries(aux.map(({ name, ip }) => [name, formatIp(ip)])) },
  };
}

/** The first host address that is no auxiliary one. */
function firstFree(subnet: Cidr, aux: Map<bigint, string>): Ip {
  let value = subnet.value + 1n;
  while (aux.has(value)) value++;
  const ip = { family: subnet.family, value };
  if (isHostAddress(subnet, ip)) return ip;
  throw invalid(`The subnet ${formatCidr(subnet)} has no address left for a gateway`);
}
