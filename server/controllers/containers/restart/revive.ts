/**
 * Prepares a container that has exited for its process again: its sandbox, its ports and its attachments.
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

export class Revival {
  readonly #context: Context;
  readonly #parts: RevivalParts;

  constructor(context: Context, parts: RevivalParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /**
   * Does nothing to a container that hasn't exited.
   *
   * @param again the restart is by its policy
   * @throws {NetsvcError} when another container or program uses what it needs (e.g. a port) by now
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
        rollback.move(); // Failures from here on detach the container as a whole.
        for (const service of before.rejoin ?? []) await endpoints.rejoin(held, service);
      } catch (error) {
        await endpoints.detachAll(held).catch(() => {}); // The first failure is the one to report.
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
