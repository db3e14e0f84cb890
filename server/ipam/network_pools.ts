/**
 * Turns a user's request for a network's addresses into its pools. Pure.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import type { CreateNetwork, Pool } from "../../lib/api/types.ts";
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
} from "../../lib/ip/cidr.ts";

/** Blocks that no network can have, with the reasons. */
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

/** Rejects a block of addresses that no network can have. @throws {NetsvcError} `invalid` */
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

/** Parses a subnet and checks that a network can have it. */
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

/** Rejects subnets that overlap each other. */
function checkApart(subnets: Cidr[]): Cidr[] {
  for (const [i, subnet] of subnets.entries()) {
    const other = subnets.slice(0, i).find((o) => cidrsOverlap(o, subnet));
    if (other) {
      throw invalid(
        `The subnets ${formatCidr(other)} and ${formatCidr(subnet)} of one network overlap; ` +
          `choose others`,
      );
    }
  }
  return subnets;
}

/** Whether a host can have an address of a subnet. */
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

/** The given subnet that contains an item; rejects an item outside all of them. */
function owner(what: string, item: Ip, subnets: Cidr[], text: string): Cidr {
  const family = subnets.filter((subnet) => subnet.family === item.family);
  if (family.length === 0) {
    throw invalid(`The ${what} ${text} needs an IPv${item.family} subnet; give one with --subnet`);
  }
  const subnet = family.find((subnet) => cidrContains(subnet, item));
  if (subnet) return subnet;
  const many = family.length > 1 ? "all subnets" : "the subnet";
  throw invalid(
    `The ${what} ${text} is outside ${many} ${family.map(formatCidr).join(", ")}; ` +
      `choose one inside`,
  );
}

/** Items by their subnet, each of which has at most one. */
function onePerSubnet<T extends Ip>(
  what: string,
  items: T[],
  subnets: Cidr[],
  text: (item: T) => string,
): Map<Cidr, T> {
  const map = new Map<Cidr, T>();
  for (const item of items) {
    const subnet = owner(what, item, subnets, text(item));
    if (map.has(subnet)) {
      throw invalid(`Two ${what}s given for the subnet ${formatCidr(subnet)}; a subnet has one`);
    }
    map.set(subnet, item);
  }
  return map;
}

/**
 * The pools of a network that is to be created, IPv4 first, otherwise in the order of the request; `pick` finds a
 * subnet of a family for which the user gave none.
 *
 * @throws {NetsvcError} `invalid` naming the value and the remedy
 */
export function planPools(request: CreateNetwork, pick: (family: Family) => Cidr): Pool[] {
  const given = checkApart((request.subnets ?? []).map(checkSubnet));
  // Options about addresses without a subnet can't refer to one picked at random.
  const gateways = onePerSubnet(
    "gateway",
    (request.gateways ?? []).map(parseIp),
    given,
    formatIp,
  );
  const ranges = onePerSubnet("range", (request.ranges ?? []).map(parseCidr), given, formatCidr);
  const aux = Object.entries(request.aux ?? {}).map(([name, text]) => {
    const ip = parseIp(text);
    return { name, ip, subnet: owner("auxiliary address", ip, given, formatIp(ip)) };
  });
  const has = (family: Family) => given.some((subnet) => subnet.family === family);
  if (request.ipv4 === false && (has(4) || !(request.ipv6 || has(6)))) {
    throw invalid(
      has(4)
        ? "A network without IPv4 has no IPv4 subnet; leave one of the two out"
        : "A network without IPv4 needs IPv6; give it an IPv6 subnet or --ipv6",
    );
  }
  const subnets = [
    ...has(4) || request.ipv4 === false ? [] : [pick(4)],
    ...given,
    ...request.ipv6 && !has(6) ? [pick(6)] : [],
  ];
  return subnets.sort((a, b) => a.family - b.family).map((subnet) =>
    planPool(
      subnet,
      gateways.get(subnet),
      ranges.get(subnet),
      aux.filter((one) => one.subnet === subnet),
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

/** The first host address that isn't an auxiliary address. */
function firstFree(subnet: Cidr, aux: Map<bigint, string>): Ip {
  let value = subnet.value + 1n;
  while (aux.has(value)) value++;
  const ip = { family: subnet.family, value };
  if (isHostAddress(subnet, ip)) return ip;
  throw invalid(`The subnet ${formatCidr(subnet)} has no address left for a gateway`);
}
