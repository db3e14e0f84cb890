/**
 * From specifications to lines of ip-batch(8). Pure.
 *
 * @module
 */
import type { Pool } from "../../lib/api/types.ts";
import type { Join, NetworkSpec } from "../driver.ts";
import { bareAddress, prefixLength } from "../../lib/ip/text.ts";
import { linkAlias, linkMac, vethName } from "../links/names.ts";
import { addressLine, planVeth, planVethState } from "../links/plan.ts";
import type { VethPlan } from "../links/links.ts";
import { bridgeOptions } from "./options.ts";

/** Gateway addresses of a bridge, as CIDRs. */
export function gatewayAddresses(pools: Pool[]): string[] {
  return pools.filter(({ gateway }) => gateway !== undefined)
    .map(({ gateway, subnet }) => `${gateway}/${prefixLength(subnet)}`);
}

/** Makes the bridge itself. */
export function planBridge(network: NetworkSpec): string[] {
  const { name, mtu } = bridgeOptions(network);
  return [
    `link add name ${name} address ${linkMac(network.id)} mtu ${mtu} type bridge ` +
    `stp_state 0 forward_delay 0`,
  ];
}

/** Brings an existing bridge to its state. */
export function planBridgeState(network: NetworkSpec): string[] {
  const { name, mtu } = bridgeOptions(network);
  return [
    `link set dev ${name} mtu ${mtu} alias ${linkAlias(network.id)} up`,
    ...gatewayAddresses(network.pools).map((address) => addressLine(address, name)),
  ];
}

/** Makes an endpoint's veth and puts its host end on the bridge. */
export function planPort(network: NetworkSpec, join: Join, netns?: string): VethPlan {
  const { name, icc, mtu, spoofing } = bridgeOptions(network);
  const port = `link set dev ${vethName(join.endpoint.id)} type bridge_slave`;
  return {
    make: planVeth(join, mtu, netns),
    state: [
      ...planVethState(join, name, mtu, spoofing),
      // The host may know the address as another's.
      ...spoofing ? [] : planNeighbours(join, name),
      ...icc ? [] : [`${port} isolated on`],
      // A container that asks for its own published port gets the packet back on the same port of
      // the bridge, where br_netfilter (which Docker loads) has it bridged instead of routed.
      ...join.ports.length > 0 ? [`${port} hairpin on`] : [],
    ],
  };
}

/** What the host knows of an endpoint's addresses. */
function planNeighbours({ endpoint }: Join, bridge: string): string[] {
  return endpoint.addresses.map((address) =>
    `neigh replace ${bareAddress(address)} lladdr ${endpoint.mac} dev ${bridge} nud reachable`
  );
}
