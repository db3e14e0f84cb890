/**
 * Shows netsvc's networks in the form of `docker network inspect`. Pure.
 *
 * @module
 */
import { backendsOf } from "../../../../lib/api/backends.ts";
import type { NetworkRecord } from "../../../model/records.ts";
import type { Pool, Service } from "../../../../lib/api/types.ts";
import { dockerName } from "../../../controllers/docker/names.ts";

/** Fields in Docker's order. */
export function showNetwork(network: NetworkRecord, services: Service[] = []) {
  return {
    Name: dockerName(network),
    Id: network.id,
    Created: network.created,
    Scope: network.scope,
    Driver: network.driver,
    EnableIPv4: network.pools.some(({ family }) => family === 4),
    EnableIPv6: network.ipv6,
    IPAM: {
      Driver: network.ipam?.driver ?? "default",
      Options: network.ipam?.options ?? network.docker?.ipamOptions ?? {},
      Config: network.pools.map(showPool),
    },
    Internal: network.internal,
    // Any container can be attached to any network of netsvc's.
    Attachable: network.docker?.attachable ?? network.scope === "global",
    Ingress: false,
    ConfigFrom: { Network: network.docker?.configFrom ?? "" },
    ConfigOnly: false,
    Containers: Object.fromEntries(services.flatMap(showEndpoints)),
    Options: { ...ofDefault(network), ...network.options, ...network.docker?.options },
    Labels: network.labels,
  };
}

/** The options of Docker's own default bridge that are true of netsvc's as well. */
function ofDefault({ predefined, driver, options }: NetworkRecord): Record<string, string> {
  if (!predefined || driver !== "bridge") return {};
  const bridge = "com.docker.network.bridge";
  return {
    [`${bridge}.default_bridge`]: "true",
    [`${bridge}.enable_icc`]: options.icc ?? "true",
    [`${bridge}.enable_ip_masquerade`]: options.masquerade ?? "true",
    [`${bridge}.host_binding_ipv4`]: options.host_ip ?? "0.0.0.0",
    "com.docker.network.driver.mtu": options.mtu ?? "1500",
  };
}

function showPool({ subnet, range, gateway, aux }: Pool) {
  return {
    Subnet: subnet,
    ...range !== undefined && { IPRange: range },
    ...gateway !== undefined && { Gateway: gateway },
    ...aux && { AuxiliaryAddresses: aux },
  };
}

function showEndpoints(service: Service) {
  return backendsOf(service).map(({ id, container, mac, addresses }) =>
    [container.id, {
      Name: container.name ?? service.name,
      EndpointID: id,
      MacAddress: mac,
      IPv4Address: addressOf(addresses, 4),
      IPv6Address: addressOf(addresses, 6),
    }] as const
  );
}

/** The address of a family, with its prefix length; empty without such an address. */
export function addressOf(addresses: string[], family: 4 | 6): string {
  return addresses.find((address) => address.includes(":") === (family === 6)) ?? "";
}

/** The fields that `?verbose` adds: the services by name, as Docker shows those of a swarm. */
export function showServices(services: Service[]) {
  return Object.fromEntries(services.map((service) => [service.name, {
    VIP: addressOf(service.addresses, 4).split("/")[0],
    Ports: service.ports.map(({ port, protocol }) => `${port}/${protocol}`),
    LocalLBIndex: 0,
    Tasks: backendsOf(service).map(({ id, container, addresses, host }) => ({
      Name: container.name ?? service.name,
      EndpointID: id,
      EndpointIP: addressOf(addresses, 4).split("/")[0],
      Info: { Host: host },
    })),
  }]));
}
