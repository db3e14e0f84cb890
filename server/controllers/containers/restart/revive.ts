/**
 * A container that has exited is made ready for its process again: with its sandbox, its ports and what
 * it was attached to.
 *
 * @module
 */
import type { OwnContainer } from "../../../model/container.ts";
import type { Context } from "../../context.ts";
import type { ContainerEndpoints } from "../container_endpoints.ts";
import type { ContainerStore } from "../container_store.ts";
import type { SandboxHolder } from "../sandbox/sandbox_holder.ts";

/** What {@linkcode Revival} works with. */
export interface RevivalParts {
  store: ContainerStore;
  holder: SandboxHolder;
  endpoints: ContainerEndpoints;
}

/** Revives containers. */
export class Revival {
  readonly #context: Context;
  readonly #parts: RevivalParts;

  constructor(context: Context, parts: RevivalParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /**
   * Harmless to one that hasn't exited.
   *
   * @param again by its policy
   * @throws {NetsvcError} where another container or program has what it needs by now
   */
  async revive(id: string, again: boolean): Promise<void> {
    const { store, holder, endpoints } = this.#parts;
    await this.#context.locks.container(id, async (held) => {
      const before = store.own(id);
      if (before.state !== "exited") return;
      await holder.reopen(id, (container) => revived(container, again));
      try {
        const { ownNetwork: own, networkMode: mode } = before;
        await using rollback = new AsyncDisposableStack();
        await endpoints.attachAll(
          held,
          { mode, ...own !== undefined && { own }, published: [] },
          rollback,
        );
        rollback.move(); // What fails from here on is detached as a whole.
        for (const service of before.rejoin ?? []) await endpoints.rejoin(held, service);
      } catch (error) {
        await endpoints.detachAll(held).catch(() => {}); // The first failure counts.
        await holder.exit(id, before.exitCode);
        throw error;
      }
    });
  }
}

function revived(
  { exitCode: _, stopped: __, ...container }: OwnContainer,
  again: boolean,
): OwnContainer {
  return { ...container, state: "created", restarts: again ? (container.restarts ?? 0) + 1 : 0 };
}
