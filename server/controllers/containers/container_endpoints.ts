/**
 * All attachments of one container: made when it is created or started, ended when it ends.
 *
 * @module
 */
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";
import { shortId } from "../../../lib/api/names.ts";
import type { OwnContainer } from "../../model/container.ts";
import type { ServiceRecord } from "../../model/records.ts";
import { type Context, log } from "../context.ts";
import type { Attachments } from "../endpoints/attachments.ts";
import type { Held } from "../locks.ts";
import { backendContainer, containerLabel } from "../labels.ts";
import type { Services } from "../services/services.ts";
import { type Placement, wantedServices } from "./placement.ts";

/** A service that a container backed when it ended. */
type Rejoin = NonNullable<OwnContainer["rejoin"]>[number];

/** Attaches and detaches a container as a whole. */
export class ContainerEndpoints {
  readonly #context: Context;
  readonly #services: Services;
  readonly #attachments: Attachments;

  constructor(
    context: Context,
    { services, attachments }: { services: Services; attachments: Attachments },
  ) {
    this.#context = context;
    this.#services = services;
    this.#attachments = attachments;
  }

  /** Refuses services that already have a backend. @throws {NetsvcError} `in_use` */
  async checkFree(
    placement: Placement,
    container: { id: string; name?: string },
  ): Promise<void> {
    for (const { network, name } of wantedServices(placement, container)) {
      await this.#services.ensure(network);
      const service = this.#services.named(network, name)?.record;
      const live = service?.mode === "single" && this.#context.state.backendsOf(service)[0];
      if (!live) continue;
      throw new NetsvcError(
        "in_use",
        `The service "${this.#services.label(service)}" already has a backend, the container ` +
          `"${containerLabel(backendContainer(live))}"${this.#services.elsewhere(live)}; ` +
          `detach it first`,
      );
    }
  }

  /**
   * Publishes and attaches the services of a placement.
   *
   * @param rollback gets what unpublishes the published services again
   */
  async attachAll(
    held: Held<"container">,
    placement: Placement,
    rollback: AsyncDisposableStack,
  ): Promise<void> {
    const { id } = held;
    const { name: own } = this.#context.state.containers.get(id)!.record;
    const container = { id, ...own !== undefined && { name: own } };
    for (const { name, network, auto } of wantedServices(placement, container)) {
      const service = this.#services.named(network, name)?.record.id;
      if (service !== undefined) {
        await this.#attachments.attach(held, service);
        continue;
      }
      const owner = auto ? { auto: id } : {};
      const published = await this.#attachments.publish(held, { name, network }, { owner });
      rollback.defer(() => this.#unpublish(held, published.id));
    }
  }

  /** Unpublishes a service whose container couldn't be created. */
  async #unpublish(held: Held<"container">, id: string): Promise<void> {
    try {
      const service = this.#context.state.services.get(id)?.record;
      if (!service) return;
      if (service.backend?.container === held.id) {
        await this.#attachments.detach(held, id, { force: true });
      }
      await this.#services.unpublish(id);
    } catch (error) {
      log.error("Cannot unpublish a service of container {id} again: {cause}", {
        id: shortId(held.id),
        cause: errorChain(error).join(": "),
      });
    }
  }

  /** What a container is attached to, besides its own services, for its next start. */
  rejoinOf(id: string): Rejoin[] {
    return this.#context.state.servicesBackedBy(id).map(({ record }) => record)
      .filter(({ leg, auto }) => !leg && auto !== id)
      .map(({ network, name, backend }) => ({ network, name, aliases: backend!.aliases }));
  }

  /** Attaches to a service again; one that is gone, or has another backend by now, doesn't prevent the start. */
  async rejoin(held: Held<"container">, { network, name, aliases }: Rejoin): Promise<void> {
    try {
      const service = this.#services.named(network, name)?.record.id;
      if (service !== undefined) await this.#attachments.attach(held, service, { aliases });
    } catch (error) {
      const [cause] = errorChain(error);
      log.warn("Container {id} doesn't back service {name} any more: {cause}", {
        id: shortId(held.id),
        name,
        cause,
      });
    }
  }

  /** Detaches a container from all its services, and unpublishes its own; returns what was cut, in words. */
  async detachAll(held: Held<"container">): Promise<string[]> {
    const { id } = held;
    const { state } = this.#context;
    const cut: string[] = [];
    // The uplink is removed with the last network that needs it: look again each time.
    for (let next; (next = state.servicesBackedBy(id).find(({ record }) => !record.leg)?.record);) {
      if (next.auto === id) await this.#endOwn(held, next);
      else {
        await this.#attachments.detach(held, next.id, { force: true });
        if (next.auto === undefined) {
          cut.push(`the backend of service ${this.#services.label(next)}`);
        }
      }
    }
    const own = state.containers.get(id)?.record.ownNetwork;
    if (own !== undefined) await this.#services.ensure(own);
    for (const { record } of [...state.services.values()]) {
      if (record.auto === id) await this.#endUnbacked(held, record);
    }
    return cut;
  }

  /** Ends a container's own service, unless another host took it over while this one was away. */
  async #endOwn(held: Held<"container">, { id }: ServiceRecord): Promise<void> {
    const { state, hostId } = this.#context;
    try {
      await this.#attachments.end(held, id);
    } catch (error) {
      const left = state.services.get(id)?.record;
      const isOthers = left?.backend !== undefined && left.backend.hostId !== hostId;
      const isGone = !left && error instanceof NetsvcError && error.code === "not_found";
      if (!isOthers && !isGone) throw error;
    }
  }

  async #endUnbacked(
    held: Held<"container">,
    { id, leg, backend }: ServiceRecord,
  ): Promise<void> {
    const { state } = this.#context;
    if (leg && backend) await this.#attachments.detach(held, id, { force: true });
    // As above: another host may back it.
    const left = state.services.get(id)?.record;
    if (left && state.backendsOf(left).length === 0) await this.#services.unpublish(id);
  }
}
