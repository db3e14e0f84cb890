/**
 * An endpoint's veth, as operations. Pure.
 *
 * @module
 */
import type { Pool } from "../../lib/api/types.ts";
import type { EndpointSpec, Join, NetworkSpec } from "../driver.ts";
import { prefixLength, subnetHolds } from "../../lib/ip/text.ts";
import { linkAlias, linkMac, vethName } from "./names.ts";
import { givesLinkLocal } from "../../lib/linux/net/addr_gen_mode.ts";
import type { ForwardOp, NetOp } from "../../lib/linux/net/ops.ts";

/** The operations that make a veth, and those that bring its end in this namespace to its state. */
export interface VethPlan {
  /** Operations for what has to exist before; they run once. */
  first?: NetOp[];
  make: NetOp[];
  state: NetOp[];
}

/** Gives a link an address. */
export function planAddress(address: string, link: string): NetOp {
  // Duplicate address detection delays the first packets by a second; the store ensures uniqueness.
  if (address.includes(":")) return { op: "setAddress", address, link, unchecked: true };
  // In a subnet of two addresses neither is a broadcast (RFC 3021).
  const broadcast = Number(prefixLength(address)) < 31;
  return { op: "setAddress", address, link, ...broadcast && { broadcast } };
}

/**
 * The static entry by which a bridge knows an endpoint's port, whose learning is off.
 *
 * @param link the port; by its name unless given
 */
export function planForward(
  { id, mac }: Pick<EndpointSpec, "id" | "mac">,
  link = vethName(id),
): ForwardOp {
  return { op: "setForward", mac, link };
}

/**
 * Makes an endpoint's veth: one end in this namespace, the other in the sandbox.
 *
 * @param mtu in bytes
 * @param netns the sandbox's namespace, by a path or a process
 */
export function planVeth(
  { endpoint, sandbox, ...join }: Join,
  mtu: number,
  netns = sandbox.path,
): NetOp[] {
  const peer = { name: join.interface, mac: endpoint.mac, mtu, netns };
  return [{
    op: "addLink",
    name: vethName(endpoint.id),
    mac: linkMac(endpoint.id),
    mtu,
    kind: { type: "veth", peer },
  }];
}

/** The state of the host's end on a bridge. */
export interface PortState {
  bridge: string;
  /** In bytes. */
  mtu: number;
  /** Whether the bridge learns MACs from what the container sends. */
  learning: boolean;
}

/** Puts the host's end on a bridge. */
export function planVethState(
  { endpoint }: Join,
  { bridge, mtu, learning }: PortState,
): NetOp[] {
  const link = vethName(endpoint.id);
  return [
    {
      op: "setLink",
      link,
      alias: linkAlias(endpoint.id),
      noLinkLocal: givesLinkLocal(mtu),
      // The port itself must not answer ARP, even for packets that bypass the bridge.
      arp: false,
      master: bridge,
      up: true,
    },
    { op: "setPort", link, learning },
  ];
}

/** The network's pools that hold one of the endpoint's addresses. */
function ownPools(network: NetworkSpec, join: Join): Pool[] {
  return network.pools.filter(({ subnet }) =>
    join.endpoint.addresses.some((address) => subnetHolds(subnet, address))
  );
}

/** On-link routes to the subnets of the network in which the endpoint has no address. */
function planOtherSubnets(network: NetworkSpec, join: Join): NetOp[] {
  const own = ownPools(network, join);
  return network.pools
    .filter((pool) => !own.includes(pool) && own.some(({ family }) => family === pool.family))
    .map(({ subnet }) => ({ op: "setRoute", to: subnet, link: join.interface }));
}

/** Default routes through an endpoint's network, for the families in which it leads out. */
function planGateway(network: NetworkSpec, join: Join): NetOp[] {
  return ownPools(network, join).flatMap(({ gateway, family }): NetOp[] => {
    const leads = join.gateway || (join.gateway6 && family === 6);
    return gateway !== undefined && leads ? [planDefaultRoute(gateway, join.interface)] : [];
  });
}

/** Makes a link the default route. */
export function planDefaultRoute(via: string, link: string): NetOp {
  return { op: "setRoute", to: "default", via, link };
}

/** Brings the sandbox's end to its state. */
export function planSandbox(network: NetworkSpec, join: Join): NetOp[] {
  return [
    ...join.endpoint.addresses.map((address) => planAddress(address, join.interface)),
    { op: "setLink", link: join.interface, up: true },
    ...planOtherSubnets(network, join),
    ...planGateway(network, join),
  ];
}
