/**
 * Backends of services as users ask for them: finds the container, or adopts it from its engine, attaches it, and
 * releases it when it backs nothing any more. `endpoints/` does the attaching.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { checkAlias, checkName, splitServiceReference } from "../../../lib/api/names.ts";
import type {
  AttachService,
  DetachService,
  LinkAlias,
  PublishService,
  Removed,
  Service,
} from "../../../lib/api/types.ts";
import type { ServiceRecord } from "../../model/records.ts";
import { confirmed, networksOfService } from "../confirmed.ts";
import { type Context, tryAgain } from "../context.ts";
import type { Attachments } from "../endpoints/attachments.ts";
import type { DetachOptions, Wishes } from "../endpoints/specs/rules.ts";
import { partOf } from "../services/parts.ts";
import type { Held } from "../locks.ts";
import { findContainer, findNetwork } from "../lookup.ts";
import { backendContainer, containerLabel } from "../labels.ts";
import type { Owner } from "../services/publish.ts";
import type { Services } from "../services/services.ts";
import type { AdoptedContainers } from "./adopted.ts";
import type { Desired, Followed } from "./desired.ts";

/** What {@linkcode Backends} works with. */
export interface BackendsOptions {
  services: Services;
  attachments: Attachments;
  adopted: AdoptedContainers;
  desired: Desired;
}

/** Attaches and detaches the containers that users name. */
export class Backends {
  readonly #context: Context;
  readonly #services: Services;
  readonly #attachments: Attachments;
  readonly #adopted: AdoptedContainers;
  readonly #desired: Desired;

  constructor(
    context: Context,
    { services, attachments, adopted, desired }: BackendsOptions,
  ) {
    this.#context = context;
    this.#desired = desired;
    this.#services = services;
    this.#attachments = attachments;
    this.#adopted = adopted;
  }

  /** Attaches a container to a service. */
  attach(reference: string, request: AttachService & Wishes): Promise<Service> {
    return this.#confirmed(reference, () => this.#attach(reference, request));
  }

  #confirmed<T>(service: string, action: () => Promise<T>): Promise<T> {
    const networks = networksOfService(service, this.#context.defaultNetwork);
    return confirmed({ context: this.#context, networks }, action);
  }

  async #attach(reference: string, request: AttachService & Wishes): Promise<Service> {
    const { locks } = this.#context;
    const service = (await this.#services.find(reference)).record;
    return await this.#adopted.resolver.using(request.container, async (container) => {
      if (request.restart && container.kind === "own") {
        throw new NetsvcError(
          "invalid",
          `Cannot follow the container "${
            containerLabel(container)
          }": netsvc's own containers are ` +
            `started once; --restart is for those of Docker and Podman`,
        );
      }
      const aliases = this.#checkLinks(request.aliases, service.network);
      return await locks.container(container.id, async (held) => {
        const attached = await this.#attachments.attach(held, service.id, { ...request, aliases });
        if (request.restart) {
          await this.#desired.follow(container.id, this.#followed(service, aliases));
        }
        return this.#services.show(attached);
      });
    });
  }

  /** Publishes a service and attaches a container to it. */
  publishAttached(
    request: PublishService,
    owner: Owner,
    backend: { container: string; aliases?: LinkAlias[] } & Wishes,
  ): Promise<void> {
    const on = request.network ?? this.#context.defaultNetwork;
    return confirmed(
      { context: this.#context, networks: [on] },
      () => this.#publishAttached(request, owner, backend),
    );
  }

  async #publishAttached(
    request: PublishService,
    owner: Owner,
    { container, aliases, ...wishes }: { container: string; aliases?: LinkAlias[] } & Wishes,
  ): Promise<void> {
    const links = this.#checkLinks(aliases, request.network);
    // Looked up again: it may have been released since it was adopted.
    await this.#adopted.resolver.using(container, async () => {
      await this.#context.locks.container(
        container,
        (held) => this.#attachments.publish(held, request, { ...wishes, owner, aliases: links }),
      );
    });
  }

  /** The record of a container that follows a service. */
  #followed({ id, network }: ServiceRecord, links: LinkAlias[]): Followed {
    const name = this.#context.state.networks.get(network)?.record.name ?? "";
    return { service: id, network, name, links };
  }

  #checkLinks(links: LinkAlias[] = [], ofService: string | undefined): LinkAlias[] {
    const { state, defaultNetwork } = this.#context;
    return links.map((link) => {
      checkAlias(link.alias);
      const { service: name, network } = splitServiceReference(link.service);
      checkName("service", name);
      const on = findNetwork(state, network ?? ofService ?? defaultNetwork).record;
      return { service: `${name}.${on.name}`, alias: link.alias };
    });
  }

  /** Detaches the backend of a service, or one of many; the service stays. */
  detach(reference: string, request: DetachService): Promise<Service> {
    return this.#confirmed(reference, () => this.#detach(reference, request));
  }

  async #detach(reference: string, request: DetachService): Promise<Service> {
    const service = (await this.#services.find(reference)).record;
    const { container, force = false } = request;
    if (container === undefined && !force) {
      throw new NetsvcError("invalid", "Name the container to detach, or force with -f");
    }
    if (service.mode !== "single") {
      const parts = container === undefined
        ? this.#context.state.partsOf(service.id).map(({ record }) => record)
        : [partOf(this.#context, { service, container })];
      for (const part of parts) await this.#detachOne(part, { force: true });
      return this.#services.show(this.#services.current(service.id).record);
    }
    const wanted = container === undefined ? undefined : this.#wanted(container, service);
    return await this.#detachOne(service, { wanted, force });
  }

  /** Detaches the backend of one endpoint, and releases the container where it backs nothing else. */
  async #detachOne(service: ServiceRecord, options: DetachOptions): Promise<Service> {
    const { state, locks } = this.#context;
    const { id, of = id, backend } = service;
    const own = backend?.hostId === state.hostId ? backend.container : undefined;
    const action = (held?: Held<"container">) => this.#attachments.detach(held, id, options);
    await (own === undefined ? action() : locks.container(own, action));
    const shown = this.#services.show(this.#services.current(of).record);
    if (own !== undefined) {
      await this.#desired.unfollow(own, of);
      // The container's own service ends with its backend.
      await this.#adopted.release.ifIdle(own);
    }
    return shown;
  }

  /** The container that a user means: one of this host, or the backend as other hosts show it. */
  #wanted(reference: string, service: ServiceRecord): { id: string; name?: string } {
    const live = this.#context.state.backendsOf(service)[0];
    if (live && live.hostId !== this.#context.hostId) {
      const { container, containerName } = live;
      const means = reference === containerName ||
        (reference.length >= 1 && container.startsWith(reference));
      if (means) return backendContainer(live);
    }
    return findContainer(this.#context.state, reference).record;
  }

  /** Ends a container's own service with its backend, or its part in a service with many. */
  async end(id: string): Promise<void> {
    const { state, locks } = this.#context;
    const service = this.#services.current(id).record;
    const { backend, auto, of } = service;
    if (of !== undefined) return void await this.#detachOne(service, { force: true });
    const container = backend?.hostId === state.hostId ? backend.container : undefined;
    if (container === undefined || auto !== container) {
      await this.detach(id, { force: true });
      if (auto !== undefined && state.services.has(id)) await this.#services.unpublish(id);
      return;
    }
    await locks.container(container, async (held) => {
      if (!state.services.has(id)) return; // The container has ended, and its own service with it.
      // Removes the service from the sandbox while the kernel works.
      const beside = async () => {
        await this.#desired.unfollow(container, id);
        await this.#adopted.release.ifIdleNow(held);
      };
      await this.#attachments.end(held, id, { beside });
      await this.#adopted.release.ifIdleNow(held); // Its uplink was removed last.
    });
  }

  /** Ends a service; with `force`, detaches its backend first, on whatever host it is. */
  unpublish(reference: string, force: boolean): Promise<Removed> {
    return this.#confirmed(reference, () => this.#unpublish(reference, force));
  }

  async #unpublish(reference: string, force: boolean): Promise<Removed> {
    const { state } = this.#context;
    const { record } = await this.#services.find(reference);
    const label = this.#services.label(record);
    const cut: string[] = [];
    await tryAgain(async () => {
      const service = state.services.get(record.id)?.record;
      if (!service) return { done: undefined }; // A container's own service ended with the detachment.
      const live = state.backendsOf(service);
      if (live.length > 0 && force) {
        await this.detach(service.id, { force: true });
        cut.push(...live.map((backend) => {
          const by = containerLabel(backendContainer(backend)) + this.#services.elsewhere(backend);
          return `${by} from service ${label}`;
        }));
      }
      try {
        if (state.services.has(record.id)) await this.#services.unpublish(record.id);
      } catch (error) {
        // Another container was attached meanwhile.
        const late = force && error instanceof NetsvcError && error.code === "in_use";
        if (!late) throw error;
        return { conflict: label };
      }
      return { done: undefined };
    });
    return { name: label, cut };
  }
}
