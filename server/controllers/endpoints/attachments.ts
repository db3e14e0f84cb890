/**
 * Attachments of containers to services, with their consequences for the container's default route.
 *
 * @module
 */
import type { PublishService } from "../../../lib/api/types.ts";
import { errorChain } from "../../../lib/api/errors.ts";
import type { ServiceRecord } from "../../model/records.ts";
import { type Context, log } from "../context.ts";
import type { Held } from "../locks.ts";
import type { Networks } from "../networks/networks.ts";
import { currentService } from "../services/service_labels.ts";
import type { Services } from "../services/services.ts";
import { attach } from "./attach.ts";
import { detach } from "./detach.ts";
import { gatewayService } from "./specs/driver_specs.ts";
import { end } from "./end.ts";
import { moveGateway, passOn } from "./gateway_move.ts";
import { mend } from "./mend.ts";
import { PublishAttached, type PublishOptions } from "./publish_attached.ts";
import { type AttachOptions, checkDetachable, type DetachOptions } from "./specs/rules.ts";
import { checkStands } from "./specs/standing.ts";
import { Uplinks } from "./uplink.ts";

/** Attaches and detaches containers. */
export class Attachments {
  readonly #context: Context;
  readonly #services: Services;
  readonly #publication: PublishAttached;
  readonly #uplinks: Uplinks;

  constructor(context: Context, services: Services, networks: Networks) {
    this.#context = context;
    this.#services = services;
    this.#publication = new PublishAttached({
      context,
      publishing: services.publishing,
      end: (held, service) => this.end(held, service),
    });
    this.#uplinks = new Uplinks({
      context,
      publication: this.#publication,
      unpublishing: services.unpublishing,
      network: () => networks.ensureGateway(),
    });
  }

  /** Attaches a container to an existing service; one with many backends gets an endpoint more. */
  async attach(
    held: Held<"container">,
    service: string,
    options: AttachOptions = {},
  ): Promise<ServiceRecord> {
    const { mode, name, network } = currentService(this.#context.state, service).record;
    if (mode !== "single") {
      const part = { of: service, container: held.id };
      return await this.publish(held, { name, network }, { ...options, owner: { part } });
    }
    const before = gatewayService(this.#context, held.id);
    const attached = await attach(this.#context, { ...options, held, service });
    try {
      await this.#settle(held, { before, attached });
    } catch (error) {
      await this.#rollBack(held, service);
      throw error;
    }
    return attached;
  }

  /** Publishes a service and attaches a container to it; neither stays when the other fails. */
  publish(
    held: Held<"container">,
    request: PublishService,
    options: PublishOptions = {},
  ): Promise<ServiceRecord> {
    const before = gatewayService(this.#context, held.id);
    return this.#publication.publish(held, request, {
      ...options,
      then: (attached) => this.#settle(held, { before, attached }),
    });
  }

  /** Settles the default route and the uplink of a container after an attachment. */
  async #settle(
    held: Held<"container">,
    { before, attached }: { before: ServiceRecord | undefined; attached: ServiceRecord },
  ): Promise<void> {
    await passOn(this.#context, { held, before });
    await this.#uplinks.settle(held);
    await this.#context.balancer?.settled();
    checkStands(this.#context.state, attached);
  }

  async #rollBack(held: Held<"container">, service: string): Promise<void> {
    const { state } = this.#context;
    try {
      const { backend } = state.services.get(service)?.record ?? {};
      if (backend?.container === held.id) await this.detach(held, service, { force: true });
      else await this.#uplinks.settle(held); // The converger removes the old link.
    } catch (cause) {
      log.error("Cannot roll back an attachment: {cause}", {
        cause: errorChain(cause).join(": "),
      });
    }
  }

  /**
   * Detaches the backend of a service.
   *
   * @param held `undefined` when the backend is on another host, or its container is gone
   */
  async detach(
    held: Held<"container"> | undefined,
    id: string,
    options: DetachOptions = {},
  ): Promise<void> {
    const { locks, state } = this.#context;
    const check = (service: ServiceRecord) =>
      checkDetachable(this.#context, { ...options, service });
    const { leg, of } = currentService(state, id).record;
    const detached = () => locks.service(id, (held) => detach(this.#context, { held, check }));
    const left =
      await (of === undefined ? detached() : this.#services.unpublishing.releasing(id, detached));
    if (left?.gateway || left?.gateway6) await moveGateway(this.#context, left.sandbox);
    if (!leg && held && state.containers.has(held.id)) await this.#uplinks.settle(held);
    await this.#context.balancer?.settled();
  }

  /**
   * Ends a service with the backend that it has on this host, if any.
   *
   * @param held `undefined` when the container of the backend is gone
   * @param beside runs as soon as the store has it, beside the kernel's work
   */
  async end(
    held: Held<"container"> | undefined,
    id: string,
    { beside }: { beside?: () => Promise<void> } = {},
  ): Promise<void> {
    const { state } = this.#context;
    const { backend, leg } = currentService(state, id).record;
    const { unpublishing } = this.#services;
    const left = await end(this.#context, { service: id, unpublishing, beside });
    if (left?.gateway) await moveGateway(this.#context, left.sandbox);
    if (backend && !leg && held && state.containers.has(held.id)) await this.#uplinks.settle(held);
  }

  // For callers that don't pass on the locks that they hold yet.

  /** Gives a container the uplink that its networks need, or removes it; the caller doesn't hold its lock. */
  settleUplink(container: string): Promise<void> {
    return this.#uplinks.settleLater(container);
  }

  /** Restores the link of a backend of this host, e.g. after another program has changed it. */
  mend(id: string): Promise<void> {
    return mend(this.#context, id);
  }
}
