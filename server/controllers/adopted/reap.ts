/**
 * Reaps adopted containers that have ended.
 *
 * @module
 */
import { namespaceNumber } from "../../../lib/linux/namespaces/namespace_identity.ts";
import type { ProcessIdentity } from "../../../lib/linux/processes/process_table.ts";
import { type AdoptedContainer, ifAdopted } from "../../model/container.ts";
import { followsServices } from "../../model/repository/desired.ts";
import type { Sandboxes } from "../../sandbox/sandboxes.ts";
import type { Containers } from "../containers/containers.ts";
import type { Context } from "../context.ts";

/** What {@linkcode AdoptedReaper} works with. */
export interface AdoptedReaperParts {
  containers: Containers;
  sandboxes: Pick<Sandboxes, "processes">;
}

export class AdoptedReaper {
  readonly #context: Context;
  readonly #parts: AdoptedReaperParts;

  constructor(context: Context, parts: AdoptedReaperParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Reaps a container when its first process ends. */
  watch(id: string, running: ProcessIdentity): void {
    this.#parts.containers.holder.watch(id, running, () => this.reap(id));
  }

  /**
   * Detaches a container that has ended, and closes its sandbox; its record stays while it follows
   * services. Does nothing to one that lives.
   */
  async reap(id: string): Promise<void> {
    const { store, holder, endpoints } = this.#parts.containers;
    await this.#context.locks.container(id, async (held) => {
      const container = ifAdopted(store.get(id));
      if (!container || container.state === "exited" || this.#lives(container)) return;
      await endpoints.detachAll(held);
      if (followsServices(this.#context.state.local, id)) await holder.exit(id);
      else await holder.forget(id);
    });
  }

  #lives(container: AdoptedContainer): boolean {
    if (!this.#context.namespaces.alive(container.id)) return false;
    return container.running
      ? this.#parts.sandboxes.processes.running(container) !== undefined
      : this.isCurrent(container);
  }

  /** Whether the adopted namespace is still the container's current one. */
  isCurrent({ id, namespace }: AdoptedContainer): boolean {
    const number = namespaceNumber(this.#context.namespaces.path(id));
    return number !== undefined && number === namespaceNumber(namespace);
  }
}
