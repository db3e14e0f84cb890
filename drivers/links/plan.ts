/**
 * An endpoint's veth, as lines of ip-batch(8). Pure.
 *
 * @module
 */
import type { Pool } from "../../lib/api/types.ts";
import type { Join, NetworkSpec } from "../driver.ts";
import { prefixLength, subnetHolds } from "../../lib/ip/text.ts";
import { linkAlias, linkMac, vethName } from "./names.ts";
import { quiet } from "../../lib/linux/net/addr_gen_mode.ts";

/** Gives a link an address. */
export function addressLine(address: string, device: string): string {
  // Duplicate address detection delays the first packets by a second; the store sees to uniqueness.
  if (address.includes(":")) return `addr replace ${address} dev ${device} nodad`;
  // Of two addresses neither is a broadcast (RFC 3021).
  return `addr replace ${address} dev ${device}${
    Number(prefixLength(address)) < 31 ? " brd +" : ""
  }`;
}

/**
 * Makes an endpoint's veth: one end here, the other in the sandbox.
 *
 * @param mtu in bytes
 * @param netns the sandbox's namespace, as ip-link(8) is to be told it
 */
export function planVeth(
  { endpoint, sandbox, ...join }: Join,
  mtu: number,
  netns = sandbox.path,
): string[] {
  return [
    `link add name ${vethName(endpoint.id)} address ${linkMac(endpoint.id)} mtu ${mtu} ` +
    `type veth peer name ${join.interface} address ${endpoint.mac} mtu ${mtu} ` +
    `netns ${netns}`,
  ];
}

/**
 * Puts the host's end on a bridge.
 *
 * @param mtu that it has, in bytes
 * @param learning whether the bridge believes what the container sends about who is behind the port
 */
export function planVethState(
  { endpoint }: Join,
  bridge: string,
  mtu: number,
  learning: boolean,
): string[] {
  const name = vethName(endpoint.id);
  return [
    // The port itself is nobody's neighbour, whatever comes in past the bridge.
    `link set dev ${name} alias ${linkAlias(endpoint.id)}${quiet(mtu)} arp off master ${bridge} up`,
    `link set dev ${name} type bridge_slave learning ${learning ? "on" : "off"}`,
  ];
}

/** The network's pools that hold one of the endpoint's addresses. */
function ownPools(network: NetworkSpec, join: Join): Pool[] {
  return network.pools.filter(({ subnet }) =>
    join.endpoint.addresses.some((address) => subnetHolds(subnet, address))
  );
}

/** Routes to the subnets of the network that the endpoint has no address in: they are on the link. */
function planOtherSubnets(network: NetworkSpec, join: Join): string[] {
  const own = ownPools(network, join);
  return network.pools
    .filter((pool) => !own.includes(pool) && own.some(({ family }) => family === pool.family))
    .map(({ subnet }) => `route replace ${subnet} dev ${join.interface}`);
}

/** Default routes through an endpoint's network, of the families that it leads out. */
function planGateway(network: NetworkSpec, join: Join): string[] {
  return ownPools(network, join)
    .filter(({ gateway, family }) =>
      gateway !== undefined && (join.gateway || (join.gateway6 && family === 6))
    )
    .map(({ gateway }) => `route replace default via ${gateway} dev ${join.interface}`);
}

/** Brings the sandbox's end to its state. */
export function planSandbox(network: NetworkSpec, join: Join): string[] {
  return [
    ...join.endpoint.addresses.map((address) => addressLine(address, join.interface)),
    `link set dev ${join.interface} up`,
    ...planOtherSubnets(network, join),
    ...planGateway(network, join),
  ];
}
