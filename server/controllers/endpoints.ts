/**
 * From records to what a driver is told: joins, with the interface, the gateway and the ports.
 *
 * @module
 */
import type { EndpointSpec, Join } from "../../drivers/driver.ts";
import type { NetworkRecord, ServiceRecord } from "../state/records.ts";
import type { Context } from "./context.ts";

/** What the driver is told of a service. */
export function endpointSpec(service: ServiceRecord): EndpointSpec {
  return { id: service.id, addresses: service.addresses, mac: service.mac };
}

/** Whether a network leads out: a sandbox's default route may go through it. */
function leadsOut(network: NetworkRecord | undefined): boolean {
  return network !== undefined && !network.internal &&
    network.pools.some((pool) => pool.gateway !== undefined);
}

/** The service whose network carries a sandbox's default route and published ports. */
export function gatewayService(context: Context, container: string): ServiceRecord | undefined {
  return context.state.servicesBackedBy(container)
    .map(({ record }) => record)
    .find((service) => leadsOut(context.state.networks.get(service.network)?.record));
}

/** The join of a service that has, or is about to have, a backend on this host. */
export function joinOf(context: Context, service: ServiceRecord): Join {
  const backend = service.backend!;
  const carrier = gatewayService(context, backend.container);
  const gateway = carrier === undefined
    ? leadsOut(context.state.networks.get(service.network)?.record)
    : carrier.id === service.id;
  return {
    endpoint: endpointSpec(service),
    sandbox: { id: backend.container, path: context.namespaces.path(backend.container) },
    interface: backend.interface,
    gateway,
    ports: gateway ? context.state.containers.get(backend.container)?.record.ports ?? [] : [],
  };
}

/** The lowest `ethN` that no service of a container has. */
export function freeInterface(context: Context, container: string): string {
  const taken = new Set(
    context.state.servicesBackedBy(container).map(({ record }) => record.backend!.interface),
  );
  let n = 0;
  while (taken.has(`eth${n}`)) n++;
  return `eth${n}`;
}
