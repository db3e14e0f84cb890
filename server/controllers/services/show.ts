/**
 * Services as the API shows them.
 *
 * @module
 */
import { isIdPrefix, splitServiceReference } from "../../../lib/api/names.ts";
import type { Service } from "../../../lib/api/types.ts";
import type { StoredService } from "../../model/state.ts";
import type { AttachedEndpoint, BackendRecord, ServiceRecord } from "../../model/records.ts";
import type { Listed } from "../../model/shared/directory.ts";
import { confirmed, networksOfService } from "../confirmed.ts";
import type { Context } from "../context.ts";
import { findNetwork, findService } from "../lookup.ts";
import { hostName } from "./service_labels.ts";

/** Networks followed at most for one id prefix. */
const MAX_LOOKED_INTO = 8;

/** What showing services needs of the daemon. */
export type ShowContext = Pick<
  Context,
  "state" | "cluster" | "defaultNetwork" | "host" | "hostId"
>;

/** Shows and finds services. */
export class ShowServices {
  readonly #context: ShowContext;

  constructor(context: ShowContext) {
    this.#context = context;
  }

  /** All services, or those of one network, by creation. */
  async list(network?: string): Promise<Service[]> {
    const { state, cluster } = this.#context;
    const byCreation = (all: Listed[]) =>
      all.sort((a, b) => a.service.created < b.service.created ? -1 : 1)
        .map(({ service, endpoints }) => this.show(service, endpoints));
    if (network === undefined) {
      return byCreation((await cluster.directory.services()).filter(({ service }) => !service.leg));
    }
    await this.ensure(network);
    return byCreation(
      state.servicesOf(network).filter(({ record }) => record.of === undefined)
        .map(({ record }) => ({ service: record, endpoints: state.attachedEndpointsOf(record) })),
    );
  }

  /** How many services each network has, as {@linkcode list} counts them. */
  async counts(): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (const { service } of await this.#context.cluster.directory.services()) {
      if (service.leg) continue;
      counts.set(service.network, (counts.get(service.network) ?? 0) + 1);
    }
    return counts;
  }

  /**
   * A record as the API shows it; one endpoint of a service with many backends is shown as that service.
   *
   * @param endpoints those of its endpoints that have living backends
   */
  show(record: ServiceRecord, endpoints?: AttachedEndpoint[]): Service {
    const { state } = this.#context;
    const service = state.services.get(record.of ?? "")?.record ?? record;
    const { id, name, created, addresses, mac, aliases, ports, mode } = service;
    const network = state.networks.get(service.network)?.record;
    const attached = endpoints ?? state.attachedEndpointsOf(service);
    const [first] = attached;
    return {
      id,
      name,
      network: {
        id: service.network,
        name: network?.name ?? "",
        scope: network?.scope ?? "local",
      },
      created,
      mode,
      addresses,
      mac,
      aliases,
      ports,
      auto: service.auto !== undefined,
      ...mode === "single"
        ? first && { backend: this.#backend(service.network, first.backend) }
        : { backends: attached.map((endpoint) => this.#part(endpoint)) },
    };
  }

  #backend(network: string, backend: BackendRecord): NonNullable<Service["backend"]> {
    return {
      container: {
        id: backend.container,
        ...backend.containerName !== undefined && { name: backend.containerName },
        runtime: backend.runtime,
      },
      host: hostName(this.#context, { network, backend }),
      interface: backend.interface,
      attached: backend.attached,
      aliases: backend.aliases,
    };
  }

  #part(
    { id, network, addresses, mac, weight = 1, draining, backend }: AttachedEndpoint,
  ): NonNullable<Service["backends"]>[number] {
    return {
      ...this.#backend(network, backend),
      ...{ id, addresses, mac, weight, state: draining === undefined ? "active" : "draining" },
    };
  }

  async info(reference: string): Promise<Service> {
    return this.show((await this.find(reference)).record);
  }

  /** Loads the services of a network. @throws {NetsvcError} `unavailable`, `timeout` */
  async ensure(network: string): Promise<void> {
    if (this.#context.state.networks.get(network)?.record.scope !== "global") return;
    await this.#context.cluster.interests.ensure(network);
  }

  /** A service by reference. @throws {NetsvcError} `not_found`, `ambiguous`, `unavailable` */
  find(reference: string): Promise<StoredService> {
    const networks = networksOfService(reference, this.#context.defaultNetwork);
    return confirmed({ context: this.#context, networks }, () => this.#find(reference));
  }

  async #find(reference: string): Promise<StoredService> {
    const { state, defaultNetwork, cluster } = this.#context;
    const { service, network } = splitServiceReference(reference);
    const on = findNetwork(state, network ?? defaultNetwork).record.id;
    await this.ensure(on);
    // An unambiguous reference needs no look at all services of the cluster.
    const known = state.services.has(service) || this.named(on, service) !== undefined;
    if (network === undefined && isIdPrefix(service) && !known) {
      // An id finds its service on any network, whether it is followed or not.
      const all = await cluster.directory.services();
      const networks = all.filter((listed) => listed.service.id.startsWith(service))
        .map((listed) => listed.service.network);
      for (const id of [...new Set(networks)].slice(0, MAX_LOOKED_INTO)) await this.ensure(id);
    }
    return findService({ state, defaultNetwork }, reference);
  }

  /** A service by its exact name on a network that is followed. */
  named(network: string, name: string): StoredService | undefined {
    return this.#context.state.serviceByName(network, name);
  }
}
