/**
 * From specifications to lines of ip-batch(8). Pure.
 *
 * @module
 */
import type { Pool } from "../../server/wire/types.ts";
import type { Join, NetworkSpec } from "../driver.ts";
import { bridgeOptions, linkAlias, linkMac, vethName } from "./options.ts";

function prefixLength(cidr: string): string {
  return cidr.slice(cidr.indexOf("/") + 1);
}

function addressLine(address: string, device: string): string {
  // Duplicate address detection delays the first packets by a second; the store sees to uniqueness.
  return `addr replace ${address} dev ${device}${address.includes(":") ? " nodad" : ""}`;
}

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
  const { name } = bridgeOptions(network);
  return [
    `link set dev ${name} alias ${linkAlias(network.id)} up`,
    ...gatewayAddresses(network.pools).map((address) => addressLine(address, name)),
  ];
}

/** Makes an endpoint's veth: one end on the bridge, the other in the sandbox. */
export function planVeth(network: NetworkSpec, join: Join): string[] {
  const { mtu } = bridgeOptions(network);
  const { endpoint, sandbox } = join;
  return [
    `link add name ${vethName(endpoint.id)} address ${linkMac(endpoint.id)} mtu ${mtu} ` +
    `type veth peer name ${join.interface} address ${endpoint.mac} mtu ${mtu} ` +
    `netns ${sandbox.path}`,
  ];
}

/** Brings the host end to its state. */
export function planVethState(network: NetworkSpec, join: Join): string[] {
  const { name, icc } = bridgeOptions(network);
  const veth = vethName(join.endpoint.id);
  return [
    `link set dev ${veth} alias ${linkAlias(join.endpoint.id)} addrgenmode none master ${name} up`,
    ...icc ? [] : [`link set dev ${veth} type bridge_slave isolated on`],
    // A container that asks for its own published port gets the packet back on the same port of the
    // bridge, where br_netfilter (which Docker loads) has it bridged instead of routed.
    ...join.ports.length > 0 ? [`link set dev ${veth} type bridge_slave hairpin on`] : [],
  ];
}

/** Default routes through an endpoint's network. */
function planGateway(network: NetworkSpec, join: Join): string[] {
  return network.pools.filter(({ gateway }) => gateway !== undefined)
    .map(({ gateway }) => `route replace default via ${gateway} dev ${join.interface}`);
}

/** Brings the sandbox's end to its state. */
export function planSandbox(network: NetworkSpec, join: Join): string[] {
  return [
    ...join.endpoint.addresses.map((address) => addressLine(address, join.interface)),
    `link set dev ${join.interface} up`,
    ...join.gateway ? planGateway(network, join) : [],
  ];
}
