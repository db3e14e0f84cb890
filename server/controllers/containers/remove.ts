/**
 * Removes containers: kills, detaches and forgets them.
 *
 * @module
 */
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";
import { shortId } from "../../../lib/api/names.ts";
import type { Removed } from "../../../lib/api/types.ts";
import { isRunning } from "../../../lib/linux/processes/process_table.ts";
import type { OwnContainer } from "../../model/container.ts";
import type { Sandboxes } from "../../sandbox/sandboxes.ts";
import { type Context, log } from "../context.ts";
import type { Held } from "../locks.ts";
import { containerLabel, nameList } from "../labels.ts";
import type { ContainerEndpoints } from "./container_endpoints.ts";
import type { ContainerStore } from "./container_store.ts";
import { killAll } from "./processes/kill.ts";
import type { SandboxHolder } from "./sandbox/sandbox_holder.ts";

/** What {@linkcode Removal} works with. */
export interface RemovalParts {
  store: ContainerStore;
  holder: SandboxHolder;
  endpoints: ContainerEndpoints;
  sandboxes: Sandboxes;
}

export class Removal {
  readonly #context: Context;
  readonly #parts: RemovalParts;

  constructor(context: Context, parts: RemovalParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Removes a container that netsvc made; a running one only with `force`. */
  remove(container: OwnContainer, force: boolean): Promise<Removed> {
    return this.#context.locks.container(container.id, async (held) => {
      const current = this.#parts.store.get(container.id);
      if (!current) return { name: containerLabel(container), cut: [] };
      if (current.running && isRunning(current.running) && !force) {
        throw new NetsvcError(
          "in_use",
          `Cannot remove container "${containerLabel(current)}": it is running; use -f to kill it`,
        );
      }
      return { name: containerLabel(current), cut: await this.removeWithSharers(held, force) };
    });
  }

  /**
   * Removes a container, own or adopted, and with `force` those that share its sandbox.
   *
   * @returns what was cut, in words
   * @throws {NetsvcError} `in_use` when other containers share its sandbox, without force
   */
  async removeWithSharers(held: Held<"container">, force: boolean): Promise<string[]> {
    const { store } = this.#parts;
    const sharers = this.#sharers(held.id);
    if (sharers.length > 0 && !force) {
      throw new NetsvcError(
        "in_use",
        `Cannot remove container "${containerLabel(store.current(held.id))}": its sandbox is ` +
          `shared by ${nameList("container", sharers.map(containerLabel))}`,
      );
    }
    // Written first: while the store can't be written, the container's end couldn't be either.
    await store.change(held.id, (container) => ({ ...container, removing: true }));
    const cut: string[] = [];
    for (const sharer of sharers) {
      cut.push(...(await this.remove(sharer, true)).cut, `container ${containerLabel(sharer)}`);
    }
    cut.push(...await this.#kill(held));
    return cut;
  }

  #sharers(id: string): OwnContainer[] {
    return this.#parts.store.all().filter((container): container is OwnContainer =>
      container.kind === "own" && container.networkMode === `container:${id}` &&
      container.state !== "exited"
    );
  }

  async #kill(held: Held<"container">): Promise<string[]> {
    const container = this.#parts.store.get(held.id);
    if (!container) return [];
    const running = this.#parts.sandboxes.processes.running(container);
    // The engine controls the process of an adopted container; netsvc only releases it.
    if (running && container.kind === "own") await killAll(this.#context.exits, running);
    return await this.forget(held);
  }

  /** Detaches a container from everything, and removes its sandbox and its record. */
  async forget(held: Held<"container">): Promise<string[]> {
    const cut = await this.#parts.endpoints.detachAll(held);
    await this.#parts.holder.forget(held.id);
    return cut;
  }

  /** Removes a container whose creation failed; further failures are logged. */
  async rollback(held: Held<"container">): Promise<void> {
    await this.#kill(held).catch((error) =>
      log.error("Cannot roll back container {id}: {cause}", {
        id: shortId(held.id),
        cause: errorChain(error).join(": "),
      })
    );
  }
}
