/**
 * Requests to plugins: from specifications to the protocol's bodies. Pure.
 *
 * @module
 */
import type { Pool, PublishedPort, Scope } from "../../../lib/api/types.ts";
import type { EndpointSpec, HostSpec, NetworkSpec } from "../../driver.ts";
import { prefixLength } from "../../../lib/ip/text.ts";

/** Names of libnetwork's own address spaces. */
const ADDRESS_SPACES: Record<Scope, string> = { local: "LocalDefault", global: "GlobalDefault" };
/** Protocol numbers (IANA). */
const PROTOCOLS: Record<PublishedPort["protocol"], number> = { tcp: 6, udp: 17 };

/** IPAMData of one pool. */
function ipamData(pool: Pool, scope: Scope) {
  const length = prefixLength(pool.subnet);
  return {
    AddressSpace: ADDRESS_SPACES[scope],
    Pool: pool.subnet,
    ...pool.gateway !== undefined && { Gateway: `${pool.gateway}/${length}` },
    AuxAddresses: Object.fromEntries(
      Object.entries(pool.aux ?? {}).map(([name, address]) => [name, `${address}/${length}`]),
    ),
  };
}

/** The user's options of a network, without `ttl`, which is netsvc's own. */
export function pluginOptions(options: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(options).filter(([key]) => key !== "ttl"));
}

/** NetworkDriver.CreateNetwork. */
export function createNetworkBody(network: NetworkSpec, scope: Scope) {
  const data = (family: Pool["family"]) =>
    network.pools.filter((pool) => pool.family === family).map((pool) => ipamData(pool, scope));
  return {
    NetworkID: network.id,
    Options: {
      "com.docker.network.generic": pluginOptions(network.options),
      "com.docker.network.enable_ipv4": network.pools.some(({ family }) => family === 4),
      "com.docker.network.enable_ipv6": network.ipv6,
      ...network.internal && { "com.docker.network.internal": true },
    },
    IPv4Data: data(4),
    IPv6Data: data(6),
  };
}

/** Ports in the form of endpoint options. */
export function portOptions(ports: PublishedPort[]) {
  if (ports.length === 0) return {};
  return {
    "com.docker.network.endpoint.exposedports": ports.map((port) => ({
      Proto: PROTOCOLS[port.protocol],
      Port: port.containerPort,
    })),
    "com.docker.network.portmap": ports.map((port) => ({
      Proto: PROTOCOLS[port.protocol],
      IP: "",
      Port: port.containerPort,
      HostIP: port.hostIp ?? "",
      HostPort: port.hostPort,
      HostPortEnd: port.hostPort,
    })),
  };
}

/** NetworkDriver.CreateEndpoint. */
export function createEndpointBody(
  network: NetworkSpec,
  { endpoint, ports }: { endpoint: EndpointSpec; ports: PublishedPort[] },
) {
  const { addresses, mac } = endpoint;
  return {
    NetworkID: network.id,
    EndpointID: endpoint.id,
    Interface: {
      Address: addresses.find((address) => !address.includes(":")) ?? "",
      AddressIPv6: addresses.find((address) => address.includes(":")) ?? "",
      MacAddress: mac,
    },
    Options: {
      ...portOptions(ports),
      // Raw bytes, which Go encodes in base64.
      "com.docker.network.endpoint.macaddress": Uint8Array.fromHex(mac.replaceAll(":", ""))
        .toBase64(),
    },
  };
}

/** NetworkDriver.DiscoverNew and DiscoverDelete. */
export function discoveryBody({ address, self }: HostSpec) {
  const NODE_DISCOVERY = 1;
  return {
    DiscoveryType: NODE_DISCOVERY,
    DiscoveryData: { Address: address, BindAddress: address, Self: self },
  };
}
