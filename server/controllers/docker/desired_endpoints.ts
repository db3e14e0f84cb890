/**
 * Gives a container of Docker's the endpoint that is desired of it on a network: a service under its name, published
 * when the container starts and ended with it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { hostedName } from "../../../lib/api/names.ts";
import type { PublishService } from "../../../lib/api/types.ts";
import { ifAdopted } from "../../model/container.ts";
import type { NetworkRecord, ServiceRecord } from "../../model/records.ts";
import type { DesiredEndpoint } from "../../model/repository/desired.ts";
import type { Backends } from "../adopted/backends.ts";
import type { DesiredNetworks } from "../adopted/desired.ts";
import type { Context } from "../context.ts";
import type { Services } from "../services/services.ts";
import {
  INTERFACE_PREFIX,
  type NamedContainer,
  networkNamed,
  networkOf,
  notConnected,
  serviceName,
} from "./names.ts";

const log = getLogger(["netsvc", "docker"]);

/** The network that an endpoint is for. */
type OnNetwork = Pick<DesiredEndpoint, "network" | "name">;

/** What {@linkcode DesiredEndpoints} works with. */
export interface DesiredEndpointsOptions {
  context: Context;
  services: Services;
  backends: Backends;
}

/** Endpoints of containers of Docker's. */
export class DesiredEndpoints {
  readonly #options: DesiredEndpointsOptions;

  constructor(options: DesiredEndpointsOptions) {
    this.#options = options;
  }

  /** The desired endpoint on a network. */
  of({ endpoints }: DesiredNetworks, network: string): DesiredEndpoint | undefined {
    return endpoints.find((endpoint) => this.#network(endpoint)?.id === network);
  }

  /** The network that an endpoint is for, or a later one under the same name. */
  #network({ network, name }: OnNetwork): NetworkRecord | undefined {
    const { state } = this.#options.context;
    return state.networks.get(network)?.record ?? networkNamed(state, name) ??
      state.networkByName(name)?.record;
  }

  /** The service that a container backs on a network. */
  backed(container: string, endpoint: OnNetwork): ServiceRecord | undefined {
    const network = this.#network(endpoint)?.id;
    return this.#options.context.state.servicesBackedBy(container)
      .find(({ record }) => record.network === network)?.record;
  }

  /** Publishes a container's service on a network, unless it exists. */
  async publish(container: NamedContainer, endpoint: DesiredEndpoint): Promise<void> {
    const { request, existing } = await this.#offer(container, endpoint);
    if (existing !== undefined) return;
    await this.#options.services.publish(request, { auto: container.id });
  }

  /** Attaches an adopted container to its service, which is published if it isn't yet. */
  async attach(container: NamedContainer, endpoint: DesiredEndpoint): Promise<void> {
    const { backends, context } = this.#options;
    const isAdopted = ifAdopted(context.state.containers.get(container.id)?.record) !== undefined;
    const { request, existing } = await this.#offer(container, endpoint);
    const prefix = this.#network(endpoint)?.docker?.options?.[INTERFACE_PREFIX];
    const backend = {
      container: container.id,
      aliases: endpoint.links,
      // netsvc's own containers are attached one by one: the first network has the default route.
      ...(isAdopted || endpoint.gwPriority) && { gwPriority: endpoint.gwPriority ?? 0 },
      ...endpoint.interface !== undefined && { interface: endpoint.interface },
      ...prefix !== undefined && { prefix },
    };
    if (existing !== undefined) await backends.attach(existing, backend);
    else await backends.publishAttached(request, { auto: container.id }, backend);
  }

  /** Ends a container's service on a network. @throws {NetsvcError} `forbidden` when it isn't the container's own */
  async end({ id, name }: NamedContainer, network: NetworkRecord): Promise<void> {
    const service = this.backed(id, { network: network.id, name: network.name });
    if (!service) throw notConnected(name, network);
    await this.#options.backends.end(service.id);
  }

  /** The request for a container's service on a network, and the service if it is published. */
  async #offer(
    { id, name }: NamedContainer,
    endpoint: DesiredEndpoint,
  ): Promise<{ request: PublishService; existing: string | undefined }> {
    const { services, context } = this.#options;
    const network = this.#network(endpoint) ?? networkOf(context.state, endpoint.name);
    await services.ensure(network.id);
    const mac = this.#freeMac(network, name, endpoint.mac);
    const request: PublishService = {
      name: this.#freeName(network.id, serviceName(name, id)),
      network: network.id,
      aliases: [...new Set(endpoint.aliases)],
      ips: endpoint.ips,
      ...mac !== undefined && { mac },
    };
    return { request, existing: services.named(network.id, request.name)?.record.id };
  }

  /**
   * The MAC address that was asked for, unless another service has it: Compose's `run` makes a second container
   * with the settings of the first.
   */
  #freeMac({ id, name }: NetworkRecord, container: string, mac: string | undefined) {
    const service = this.#options.services.named(id, serviceName(container, ""))?.record;
    const free = mac === undefined || service?.mac === mac.toLowerCase() ||
      !this.#options.context.state.hasMac(id, mac.toLowerCase());
    if (free) return mac;
    log.warn(
      'The MAC address {mac} of container "{container}" is used on network "{name}" already; it has ' +
        "another one",
      { mac, container, name },
    );
    return undefined;
  }

  /** A container's name, unless a container of another host has it on the network. */
  #freeName(network: string, name: string): string {
    const { services, context } = this.#options;
    const other = services.named(network, name)?.record;
    const live = other && context.state.backendsOf(other)[0];
    const isOthers = live !== undefined && live.hostId !== context.hostId;
    return isOthers ? hostedName(name, context.host) : name;
  }
}
