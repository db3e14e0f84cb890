/**
 * The uplinks of containers: given where their networks need one for a way out, and removed when none does.
 *
 * @module
 */
import { shortId } from "../../../lib/api/names.ts";
import type { NetworkRecord } from "../../model/records.ts";
import type { Held } from "../locks.ts";
import type { UnpublishServices } from "../services/unpublish.ts";
import { attach, type AttachContext } from "./attach.ts";
import { end } from "./end.ts";
import { moveGateway } from "./gateway_move.ts";
import type { PublishAttached } from "./publish_attached.ts";
import { uplinkPlan } from "./specs/uplink_plan.ts";

/** What {@linkcode Uplinks} works with. */
export interface UplinksParts {
  context: AttachContext;
  publication: PublishAttached;
  unpublishing: UnpublishServices;
  /** The network that carries uplinks. */
  network: () => Promise<NetworkRecord>;
}

/** Gives and removes uplinks. */
export class Uplinks {
  readonly #parts: UplinksParts;

  constructor(parts: UplinksParts) {
    this.#parts = parts;
  }

  /** Settles the uplink after other hosts changed the container's networks; the caller doesn't hold its lock. */
  async settleLater(container: string): Promise<void> {
    const { context } = this.#parts;
    if (uplinkPlan(context, container) === "keep") return;
    await context.locks.container(container, (held) => this.settle(held));
  }

  /** Gives a container the uplink that its networks need, or removes it. */
  async settle(held: Held<"container">): Promise<void> {
    const { context, unpublishing } = this.#parts;
    const plan = uplinkPlan(context, held.id);
    if (plan === "keep") return;
    if (plan === "give") return await this.#give(held);
    const left = await end(context, { service: plan.take.id, unpublishing });
    if (left?.gateway) await moveGateway(context, held);
  }

  async #give(held: Held<"container">): Promise<void> {
    const { context, publication } = this.#parts;
    const { id: network } = await this.#parts.network();
    const name = shortId(held.id);
    // A daemon that died left it half done: it is completed from here.
    const service = context.state.serviceByName(network, name)?.record.id;
    if (service !== undefined) await attach(context, { held, service });
    else {
      await publication.publish(held, { name, network }, { owner: { auto: held.id, leg: true } });
    }
  }
}
