/**
 * Address pools of new networks.
 *
 * @module
 */
import {
  type Cidr,
  cidrContains,
  cidrsOverlap,
  formatCidr,
  formatIp,
  parseCidr,
  parseIp,
} from "../../../lib/ip/cidr.ts";
import { readFileSync } from "../../../lib/linux/libc.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { CreateNetwork, Pool } from "../../../lib/api/types.ts";
import type { Driver } from "../../../drivers/driver.ts";
import { type AddressPool, pickPool } from "../../ipam/default_pools.ts";
import { parseFibTrie, parseIpv6Routes } from "../../ipam/host_routes.ts";
import { planPools } from "../../ipam/network_pools.ts";
import type { NetworkRecord } from "../../model/records.ts";
import { GATEWAY_NETWORK } from "./names.ts";

/**
 * The subnet of uplinks. No network of a user's can have its addresses, so that an uplink never clashes with the
 * network it is for. Link-local (RFC 3927) fits: the addresses are valid on this host alone, and the upper quarter has
 * no well-known ones.
 */
const GATEWAY_POOL = { family: 4, subnet: "169.254.192.0/18", gateway: "169.254.192.1" } as const;

/** What pools are planned around. */
export interface Surroundings {
  networks: NetworkRecord[];
  addressPools: AddressPool[];
  /** Routes and addresses of the host. */
  hostRoutes(): Cidr[];
}

/** A network whose pools are planned. */
export interface PoolsWanted {
  request: CreateNetwork;
  driver: Pick<Driver, "capabilities">;
  /** Whether its pools of a family need no gateway. */
  gateless: (family: Pool["family"]) => boolean;
}

/** Routes and addresses of the host, all tables. */
export function readHostRoutes(): Cidr[] {
  const routes = parseFibTrie(readFileSync("/proc/net/fib_trie"));
  try {
    routes.push(...parseIpv6Routes(readFileSync("/proc/net/ipv6_route")));
  } catch {
    // A kernel without IPv6 has no such file.
  }
  return routes;
}

/** The pools that are asked for, and those that netsvc chooses. */
export function planNetworkPools(
  { request, driver, gateless }: PoolsWanted,
  around: Surroundings,
): Pool[] {
  const pools = planPools(
    request,
    (family) => pickPool({ family, pools: around.addressPools, taken: takenIn(around) }),
  )
    .map((pool) => gateless(pool.family) ? ungated(pool, request) : pool);
  checkPools({ pools, driver }, around);
  return pools;
}

/** A pool without a gateway, since no link would have its address; unless the user wants the address kept free. */
function ungated({ gateway, ...pool }: Pool, request: CreateNetwork): Pool {
  const asked = (request.gateways ?? []).some((text) => formatIp(parseIp(text)) === gateway);
  return asked ? { ...pool, gateway: gateway! } : pool;
}

/** Subnets of networks, parsed once: pools never change. */
const parsed = new WeakMap<Pool[], Cidr[]>();

function subnetsOf(networks: NetworkRecord[]): { network: string; subnet: Cidr }[] {
  return networks.flatMap(({ name, pools }) => {
    let subnets = parsed.get(pools);
    if (!subnets) parsed.set(pools, subnets = pools.map(({ subnet }) => parseCidr(subnet)));
    return subnets.map((subnet) => ({ network: name, subnet }));
  });
}

/** All blocks that a new one has to keep clear of. */
function takenIn(around: Surroundings): Cidr[] {
  return [...around.hostRoutes(), ...subnetsOf(around.networks).map(({ subnet }) => subnet)];
}

/** Refuses subnets that the host or another network has. @throws {NetsvcError} `exists` */
export function checkPools(
  { pools, driver: { capabilities } }: { pools: Pool[]; driver: Pick<Driver, "capabilities"> },
  { networks, hostRoutes }: Omit<Surroundings, "addressPools">,
): void {
  // Only its own members see such a network's addresses: others may use the same.
  if (capabilities.gateway === "leg") return;
  const others = subnetsOf(networks);
  // The plugin knows how its network relates to the host: its bridge may have the route already.
  const routes = capabilities.external ? [] : hostRoutes();
  for (const pool of pools) {
    const subnet = parseCidr(pool.subnet);
    const other = others.find((n) => cidrsOverlap(n.subnet, subnet));
    if (other) {
      throw new NetsvcError(
        "exists",
        `The subnet ${pool.subnet} overlaps ${formatCidr(other.subnet)} of network ` +
          `"${other.network}"; choose another --subnet`,
      );
    }
    // A wider route of the host stays useful beside a more specific one; one inside the subnet doesn't.
    const route = routes.find((r) => cidrContains(subnet, r));
    if (route) {
      throw new NetsvcError(
        "exists",
        `The subnet ${pool.subnet} overlaps ${formatCidr(route)}, an address or a route of ` +
          `this host; choose another --subnet`,
      );
    }
  }
}

/** Pools of the network that uplinks are on. */
export function planGatewayPools(around: Surroundings): Pool[] {
  try {
    readFileSync("/proc/net/if_inet6");
  } catch {
    return [GATEWAY_POOL]; // A kernel without IPv6.
  }
  // An uplink must not clash with any network of its container, so with no network at all.
  const subnet = pickPool({
    family: 6,
    pools: around.addressPools,
    taken: takenIn(around),
  });
  return planPools(
    { name: GATEWAY_NETWORK, subnets: [formatCidr(subnet)] },
    () => parseCidr(GATEWAY_POOL.subnet),
  );
}
