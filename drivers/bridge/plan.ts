/**
 * From specifications to operations. Pure.
 *
 * @module
 */
import type { Pool } from "../../lib/api/types.ts";
import type { Join, NetworkSpec } from "../driver.ts";
import { bareAddress, prefixLength } from "../../lib/ip/text.ts";
import { linkAlias, linkMac, vethName } from "../links/names.ts";
import { planAddress, planVeth, planVethState, type VethPlan } from "../links/plan.ts";
import type { NetOp } from "../../lib/linux/net/ops.ts";
import { bridgeOptions } from "./options.ts";

/** Gateway addresses of a bridge, as CIDRs. */
export function gatewayAddresses(pools: Pool[]): string[] {
  return pools.filter(({ gateway }) => gateway !== undefined)
    .map(({ gateway, subnet }) => `${gateway}/${prefixLength(subnet)}`);
}

/** Makes the bridge. */
export function planBridge(network: NetworkSpec): NetOp[] {
  const { name, mtu } = bridgeOptions(network);
  // A snooping bridge believes any port that asks the others what they listen to (IGMP, MLD), or reports that none
  // listens: a container could cut the others off from multicast. So multicast goes to all ports.
  const kind = { type: "bridge" as const, snooping: false };
  return [{ op: "addLink", name, mac: linkMac(network.id), mtu, kind }];
}

/** Turns snooping off on a bridge that an earlier version made. */
export function planQuiet(network: NetworkSpec): NetOp {
  return { op: "setBridge", link: bridgeOptions(network).name, snooping: false };
}

/** Brings an existing bridge to its state. */
export function planBridgeState(network: NetworkSpec): NetOp[] {
  const { name, mtu } = bridgeOptions(network);
  return [
    { op: "setLink", link: name, mtu, alias: linkAlias(network.id), up: true },
    ...gatewayAddresses(network.pools).map((address) => planAddress(address, name)),
  ];
}

/** Makes an endpoint's veth and puts its host end on the bridge. */
export function planPort(network: NetworkSpec, join: Join, netns?: string): VethPlan {
  const { name, icc, mtu, spoofing } = bridgeOptions(network);
  const link = vethName(join.endpoint.id);
  // A container that connects to its own published port gets the packet back on the same port of the bridge,
  // because br_netfilter (which Docker loads) has it bridged instead of routed.
  const hairpin = join.ports.length > 0;
  return {
    make: planVeth(join, mtu, netns),
    state: [
      ...planVethState(join, { bridge: name, mtu, learning: spoofing }),
      // The host may still know the address with another MAC.
      ...spoofing ? [] : planNeighbours(join, name),
      ...icc ? [] : [{ op: "setPort" as const, link, isolated: true }],
      ...hairpin ? [{ op: "setPort" as const, link, hairpin }] : [],
    ],
  };
}

/** The host's neighbour entries for an endpoint's addresses. */
function planNeighbours({ endpoint }: Join, bridge: string): NetOp[] {
  return endpoint.addresses.map((address) => ({
    op: "setNeighbour",
    address: bareAddress(address),
    mac: endpoint.mac,
    link: bridge,
    permanent: false,
  }));
}
