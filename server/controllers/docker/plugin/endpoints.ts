/**
 * Docker's endpoints as services: published with the address that Docker asks for, named when Docker tells the
 * container, and ended when Docker releases the address.
 *
 * @module
 */
import type { Attachments } from "../../endpoints/attachments.ts";
import { type Context, now } from "../../context.ts";
import type { AdoptedContainers } from "../../adopted/adopted.ts";
import type { Services } from "../../services/services.ts";
import { allowIpv6 } from "../../../sandbox/netns.ts";
import type { NetworkRecord, ServiceRecord } from "../../../model/records.ts";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { dnsName, hostedName } from "../../../../lib/api/names.ts";
import type { Bindings, EndpointBinding } from "../../../model/repository/docker.ts";

/** A service whose host is gone may lose its name to a container with that name after this, in ms. */
const ABANDONED_MS = 60_000;

/** What {@linkcode DockerEndpoints} works with. */
export interface DockerEndpointsOptions {
  context: Context;
  services: Services;
  attachments: Attachments;
  adopted: AdoptedContainers;
  bindings: Bindings;
}

/** The key of an endpoint. */
export function endpointKey({ network, mac }: Pick<EndpointBinding, "network" | "mac">): string {
  return `${network}/${mac}`;
}

/** Docker's endpoints. */
export class DockerEndpoints {
  readonly #options: DockerEndpointsOptions;

  constructor(options: DockerEndpointsOptions) {
    this.#options = options;
  }

  /** The service of an endpoint, if it exists. */
  service({ service }: EndpointBinding): ServiceRecord | undefined {
    return this.#options.context.state.services.get(service ?? "")?.record;
  }

  /** The endpoint with an address. */
  withAddress(network: string, ip: string): EndpointBinding | undefined {
    return this.#options.bindings.endpoints().find((endpoint) =>
      endpoint.network === network &&
      this.service(endpoint)?.addresses.some((address) => address.split("/")[0] === ip)
    );
  }

  /**
   * Publishes the service of an endpoint, under a name of its own until its container is known; Docker may ask
   * twice, and gets the same one.
   *
   * @param ips addresses that the user asked for
   */
  async publish(network: NetworkRecord, mac: string, ips: string[]): Promise<ServiceRecord> {
    const { context, services, bindings } = this.#options;
    await services.ensure(network.id);
    return await context.locks.dockerEndpoint({ network: network.id, mac }, async () => {
      const known = bindings.endpoint(network.id, mac);
      const there = known && this.service(known);
      if (there) return there;
      // Noted before it is published, so that what a crash leaves half done is found and rolled back.
      const binding = known ?? { network: network.id, mac, created: now() };
      await bindings.putEndpoint(binding);
      const name = `docker-${mac.replaceAll(":", "")}`;
      const id = services.named(network.id, name)?.record.id ??
        (await services.publish({ name, network: network.id, ips, mac })).id;
      await bindings.putEndpoint({ ...binding, service: id });
      return context.state.services.get(id)!.record;
    });
  }

  /** Gives a service its container's name, or a similar one where another service has that. */
  async name(
    binding: EndpointBinding,
    container: { id: string; name: string },
    words: string[] = [],
  ): Promise<void> {
    const { context, services } = this.#options;
    const service = this.service(binding);
    if (!service) return;
    const base = dnsName(container.name);
    const aliases = [...new Set(words.map(plainAlias))].filter((word) => word !== base);
    for (const name of [base, hostedName(container.name, context.host), service.name]) {
      await this.#freeName(binding.network, name, service.id);
      try {
        return await services.amend(service.id, { name, aliases, auto: container.id });
      } catch (error) {
        if (!(error instanceof NetsvcError) || error.code !== "exists") throw error;
      }
    }
  }

  /** Ends a service whose container went with its host, so that another container can have the name. */
  async #freeName(network: string, name: string, unless: string): Promise<void> {
    const { context, services } = this.#options;
    const other = services.named(network, name)?.record;
    if (!other || other.id === unless || other.auto === undefined) return;
    if (context.state.backendsOf(other).length > 0) return;
    if (Date.now() - Date.parse(other.created) < ABANDONED_MS) return;
    await services.unpublish(other.id).catch(() => {}); // The service is in use after all.
  }

  /** Whether a container of this host backs the service of an endpoint. */
  isPlugged(binding: EndpointBinding): boolean {
    const service = this.service(binding);
    const live = service && this.#options.context.state.backendsOf(service)[0];
    return live !== undefined && live.hostId === this.#options.context.hostId;
  }

  /** Attaches an adopted container to the service of an endpoint. */
  async plug(binding: EndpointBinding, container: string): Promise<void> {
    const { context, attachments } = this.#options;
    await context.locks.container(container, async (held) => {
      const service = this.service(binding);
      if (!service) throw new NetsvcError("not_found", "The service was unpublished meanwhile");
      if (this.isPlugged(binding) && service.backend?.container === container) return;
      allowIpv6(context.namespaces.path(container));
      await attachments.attach(held, service.id);
    });
  }

  /** Repairs what Docker changed on a link while it was still setting up the sandbox. */
  async mend(binding: EndpointBinding): Promise<void> {
    const service = this.service(binding);
    if (!service?.addresses.some((address) => address.includes(":"))) return;
    await this.#options.attachments.mend(service.id);
  }

  /** Detaches the container of an endpoint; the caller holds its lock; the address stays. */
  async unplug(binding: EndpointBinding): Promise<void> {
    const { context, services, attachments, adopted } = this.#options;
    await services.ensure(binding.network);
    const container = this.service(binding)?.backend?.container;
    if (container === undefined || !this.isPlugged(binding)) return;
    await context.locks.container(container, async (held) => {
      const service = this.service(binding);
      if (service) await attachments.detach(held, service.id, { force: true }).catch(unlessGone);
    });
    await adopted.release.ifIdle(container);
  }

  /** Ends the service of an endpoint and forgets the endpoint; the caller holds its lock. */
  async release(binding: EndpointBinding): Promise<void> {
    const { context, services, bindings } = this.#options;
    await this.unplug(binding);
    const service = this.service(binding) ??
      services.named(binding.network, `docker-${binding.mac.replaceAll(":", "")}`)?.record;
    // A service that another host took over while this one was away isn't Docker's here any more.
    if (service && context.state.backendsOf(service).length === 0) {
      await services.unpublish(service.id).catch(unlessGone);
    }
    await bindings.deleteEndpoint(binding);
  }
}

/** Ignores that a service is gone: Docker and the reaper both see a container end, and may both end its service. */
function unlessGone(error: unknown): void {
  if (!(error instanceof NetsvcError) || error.code !== "not_found") throw error;
}

/** A name of Docker's as an alias. */
function plainAlias(word: string): string {
  return word.split(".").map(dnsName).filter((label) => label !== "").join(".");
}
