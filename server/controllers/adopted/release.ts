/**
 * Releases adopted containers: netsvc forgets them, and they run on without it.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { Removed } from "../../../lib/api/types.ts";
import { type AdoptedContainer, ifAdopted } from "../../model/container.ts";
import { followsServices } from "../../model/repository/desired.ts";
import type { Containers } from "../containers/containers.ts";
import type { Context } from "../context.ts";
import { containerLabel, nameList } from "../labels.ts";
import type { Held } from "../locks.ts";
import type { Services } from "../services/services.ts";

/** What {@linkcode Release} works with. */
export interface ReleaseParts {
  containers: Containers;
  services: Services;
}

export class Release {
  readonly #context: Context;
  readonly #parts: ReleaseParts;

  constructor(context: Context, parts: ReleaseParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Releases a container that backs nothing and follows nothing; does nothing to others. */
  async ifIdle(id: string): Promise<void> {
    await this.#context.locks.container(id, (held) => this.ifIdleNow(held));
  }

  /** {@linkcode ifIdle} while the container's lock is held. */
  async ifIdleNow(held: Held<"container">): Promise<void> {
    const { state } = this.#context;
    if (!ifAdopted(this.#parts.containers.store.get(held.id))) return;
    if (followsServices(state.local, held.id)) return;
    if (state.servicesBackedBy(held.id).length > 0) return;
    await this.#parts.containers.removal.forget(held);
  }

  /** Detaches a container that its engine has removed, and forgets it. */
  async forget(id: string): Promise<void> {
    await this.#context.locks.container(id, async (held) => {
      await this.#parts.containers.removal.forget(held);
    });
  }

  /** Releases a container at a user's request; one that backs services only with `force`. */
  remove(container: AdoptedContainer, force: boolean): Promise<Removed> {
    const { containers, services } = this.#parts;
    const name = containerLabel(container);
    return this.#context.locks.container(container.id, async (held) => {
      if (!containers.store.get(container.id)) return { name, cut: [] };
      const backed = this.#context.state.servicesBackedBy(container.id);
      if (backed.length > 0 && !force) {
        throw new NetsvcError(
          "in_use",
          `Cannot release container "${name}": it backs ` +
            nameList("service", backed.map(({ record }) => services.label(record))) +
            `; detach it first or use -f`,
        );
      }
      return { name, cut: await containers.removal.removeWithSharers(held, force) };
    });
  }
}
