/**
 * Builds from records what a driver is told: joins, with the interface, the gateway and the ports.
 *
 * @module
 */
import type { EndpointSpec, Join, Peer } from "../../../../drivers/driver.ts";
import { isEncrypted } from "../../../../drivers/overlay/options.ts";
import { tunnelAddress } from "../../../../drivers/overlay/tunnel/address.ts";
import { inNamespace } from "../../../../lib/linux/namespaces/namespace.ts";
import { linkNames } from "../../../../lib/linux/net/netdevice.ts";
import { type AdoptedContainer, ifAdopted } from "../../../model/container.ts";
import type { ServiceRecord } from "../../../model/records.ts";
import type { Cluster } from "../../../cluster/cluster.ts";
import type { Context } from "../../context.ts";

/** What reading records for drivers needs of the daemon. */
export type SpecContext = Pick<Context, "state" | "drivers" | "namespaces" | "hostId">;

/** What the driver is told of a service. */
export function endpointSpec(service: ServiceRecord): EndpointSpec {
  return { id: service.id, addresses: service.addresses, mac: service.mac };
}

/** Where a network's default route leads; `none` for internal networks and where there is no gateway. */
export function wayOut(context: SpecContext, id: string): "own" | "leg" | "none" {
  const network = context.state.networks.get(id)?.record;
  if (!network || network.internal) return "none";
  const { gateway } = context.drivers.get(network.driver).capabilities;
  if (gateway === "leg") return "leg";
  if (gateway === "plugin") return "own";
  return network.pools.some((pool) => pool.gateway !== undefined) ? gateway : "none";
}

/** Where an attached service's default route leads: a plugin may have decided otherwise than its network. */
export function wayOutOf(context: SpecContext, service: ServiceRecord): "own" | "leg" | "none" {
  return service.backend?.wayOut ?? wayOut(context, service.network);
}

/** The service whose network carries a sandbox's default route and published ports. */
export function gatewayService(context: SpecContext, container: string): ServiceRecord | undefined {
  return leaders(context, container)[0];
}

/** The service whose network carries a sandbox's default route of IPv6. */
export function gatewayService6(
  context: SpecContext,
  container: string,
): ServiceRecord | undefined {
  return leaders(context, container).find((service) => leadsOut6(context, service));
}

/** Whether a service has a default route of IPv6. */
function leadsOut6(context: SpecContext, { network, addresses }: ServiceRecord): boolean {
  const { pools = [] } = context.state.networks.get(network)?.record ?? {};
  return addresses.some((address) => address.includes(":")) &&
    pools.some(({ family, gateway }) => family === 6 && gateway !== undefined);
}

/** Services of a container whose networks have a default route of their own, the first in rank first. */
function leaders(context: SpecContext, container: string): ServiceRecord[] {
  // An adopted container keeps its own default route.
  if (adoptedOf(context, container)?.hasRoute) return [];
  const leading = context.state.servicesBackedBy(container).map(({ record }) => record)
    .filter((service) => wayOutOf(context, service) === "own");
  // Docker orders by the networks' names unless a priority is set, so that a restart changes nothing.
  const byName = leading.every(({ backend }) => backend!.gwPriority !== undefined);
  const name = ({ network }: ServiceRecord) => context.state.networks.get(network)!.record.name;
  return leading.sort((a, b) =>
    (b.backend!.gwPriority ?? 0) - (a.backend!.gwPriority ?? 0) ||
    (byName
      ? (name(a) < name(b) ? -1 : 1)
      // The first attached keeps the default route until it is detached: a later one may get a lower interface.
      : Date.parse(a.backend!.attached) - Date.parse(b.backend!.attached))
  );
}

/**
 * Endpoints of a network on other hosts. Those of silent hosts stay: a daemon that is away, or has lost the store,
 * cuts no connection of its containers. They are removed when another host takes them over.
 */
export function peersOf(
  context: SpecContext & { cluster: Pick<Cluster, "vteps"> },
  network: string,
): Peer[] {
  const { state } = context;
  const record = state.networks.get(network)?.record;
  const encrypted = record?.driver === "overlay" && isEncrypted(record);
  return state.servicesOf(network).flatMap(({ record }) => {
    const { backend } = record;
    if (!backend || backend.hostId === context.hostId) return [];
    const endpoint = endpointSpec(record);
    const host = backend.hostId;
    // In the tunnels a host has an address of its own, whatever it has outside.
    if (encrypted) return [{ endpoint, vtep: tunnelAddress(host), host }];
    const vtep = state.members.get(network, host)?.address ?? backend.address;
    // Programs that write into the store must not lead packets to this host itself, or to its containers.
    const found = vtep !== undefined && context.cluster.vteps.faultOf(vtep) === undefined;
    return found ? [{ endpoint, vtep, host }] : [];
  });
}

/** The join of a service that has, or is about to get, a backend on this host. */
export function joinOf(context: SpecContext, service: ServiceRecord): Join {
  const backend = service.backend!;
  const carrier = gatewayService(context, backend.container);
  const adopted = adoptedOf(context, backend.container);
  const gateway = carrier === undefined
    ? wayOutOf(context, service) === "own" && !adopted?.hasRoute
    : carrier.id === service.id;
  const six = gatewayService6(context, backend.container);
  const gateway6 = !gateway && !adopted?.hasRoute && leadsOut6(context, service) &&
    wayOutOf(context, service) === "own" && (six?.id ?? service.id) === service.id;
  return {
    endpoint: endpointSpec(service),
    sandbox: { id: backend.container, path: context.namespaces.path(backend.container) },
    interface: backend.interface,
    gateway,
    ...gateway6 && { gateway6 },
    ports: gateway ? context.state.containers.get(backend.container)?.record.ports ?? [] : [],
  };
}

/**
 * Names of the links of a container's services, and of any other link of its namespace: records alone don't show
 * links of other programs, or those that are still to be removed.
 */
export function takenInterfaces(context: SpecContext, container: string): Set<string> {
  const adopted = adoptedOf(context, container);
  return new Set([
    "lo",
    ...context.state.servicesBackedBy(container).map(({ record }) => record.backend!.interface),
    ...adopted?.links ?? [],
    ...linksInside(context, container),
  ]);
}

/**
 * The lowest `ethN` that no link of a container has.
 *
 * @param wished the prefix instead of `eth`
 */
export function freeInterface(context: SpecContext, container: string, wished?: string): string {
  const adopted = adoptedOf(context, container);
  const taken = takenInterfaces(context, container);
  const prefix = wished ?? adopted?.prefix ?? "eth";
  let n = 0;
  while (taken.has(`${prefix}${n}`)) n++;
  return `${prefix}${n}`;
}

/** A container, if it is an adopted one of this host. */
function adoptedOf(
  { state }: Pick<Context, "state">,
  container: string,
): AdoptedContainer | undefined {
  return ifAdopted(state.containers.get(container)?.record);
}

/** Names of the links in a container's namespace; empty where it has no namespace (yet). */
function linksInside({ namespaces }: SpecContext, container: string): string[] {
  try {
    return inNamespace(namespaces.path(container), linkNames);
  } catch {
    return [];
  }
}
