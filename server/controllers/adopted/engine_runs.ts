/**
 * Containers that `netsvc run` has an engine start: adopted, and attached as the request says, as if netsvc had
 * made them.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { Container, CreateContainer } from "../../../lib/api/types.ts";
import type { Sandboxes } from "../../sandbox/sandboxes.ts";
import { confirmed } from "../confirmed.ts";
import type { Containers } from "../containers/containers.ts";
import { networksOf, type Placement, placementOf } from "../containers/placement.ts";
import type { Context } from "../context.ts";
import { containerLabel } from "../labels.ts";
import type { AdoptedContainers } from "./adopted.ts";
import type { EarlyStarts } from "./early_start.ts";

/** A client that announces a container starts it and asks for the outcome within this time, in milliseconds. */
const ANNOUNCED_MS = 60_000;
/** A running container is seen within this time, in milliseconds. */
const SEEN_MS = 50;

/** What {@linkcode EngineRuns} works with. */
export interface EngineRunsOptions {
  context: Context;
  containers: Containers;
  adopted: AdoptedContainers;
  early: EarlyStarts;
  sandboxes: Pick<Sandboxes, "adoptedFiles">;
}

/** Adopts and attaches containers that an engine starts. */
export class EngineRuns {
  readonly #options: EngineRunsOptions;

  constructor(options: EngineRunsOptions) {
    this.#options = options;
  }

  /**
   * Checks what an announced container is to be attached to, and attaches it as soon as it has a process. The client
   * that starts it then calls {@linkcode create} for the outcome.
   *
   * @throws {NetsvcError} why it can't be attached
   */
  async expect(request: CreateContainer): Promise<void> {
    const { containers, adopted, early } = this.#options;
    const found = await adopted.resolver.foreign(request.foreign ?? "");
    if (found.running) {
      throw new NetsvcError("conflict", `The container "${found.name ?? found.id}" runs already`);
    }
    const ports = request.ports ?? [];
    containers.holder.ports.check(ports);
    await this.#place(found, request);
    early.begin({
      found,
      ports,
      deadline: ANNOUNCED_MS,
      join: async () => void await this.#attach(found.id, request),
    });
  }

  /** Adopts a running container and attaches it. @throws {NetsvcError} */
  async create(reference: string, request: CreateContainer): Promise<Container> {
    const { containers, adopted, early } = this.#options;
    const { id } = await adopted.resolver.foreign(reference);
    const outcome = await early.outcome(id, SEEN_MS);
    if (outcome === "joined" && containers.store.get(id)) return containers.info(id);
    const found = await adopted.resolver.foreign(reference);
    if (outcome !== undefined && !found.running) {
      throw new NetsvcError("not_found", `The container "${containerLabel(found)}" has ended`);
    }
    await adopted.adopter.adopt(found, { ports: request.ports ?? [] });
    return await this.#attach(id, request);
  }

  /** Attaches an adopted container as a request says, and releases it when that fails. */
  async #attach(id: string, request: CreateContainer): Promise<Container> {
    const { context, containers, adopted, sandboxes } = this.#options;
    const { store, endpoints, removal } = containers;
    try {
      const placement = await this.#place(store.current(id), request);
      await context.locks.container(id, async (held) => {
        await using rollback = new AsyncDisposableStack();
        rollback.defer(() => removal.rollback(held));
        const { own } = placement;
        if (own !== undefined) {
          await store.changeAdopted(id, (container) => ({ ...container, ownNetwork: own }));
        }
        await endpoints.attachAll(held, placement, rollback);
        rollback.move();
      });
      const joined = containers.info(id);
      await sandboxes.adoptedFiles.written(id);
      return joined;
    } finally {
      await adopted.release.ifIdle(id); // Does nothing when it is attached.
    }
  }

  #place(container: { id: string; name?: string }, request: CreateContainer): Promise<Placement> {
    const { context, containers } = this.#options;
    const networks = networksOf(request, context.defaultNetwork);
    return confirmed({ context, networks }, async () => {
      const placement = placementOf(context, request);
      await containers.endpoints.checkFree(placement, container);
      return placement;
    });
  }
}
