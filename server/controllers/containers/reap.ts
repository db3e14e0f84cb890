/**
 * Reaps containers whose process has ended.
 *
 * @module
 */
import type { ProcessIdentity } from "../../../lib/linux/processes/process_table.ts";
import { ifOwn, type OwnContainer, ownsSandbox } from "../../model/container.ts";
import type { Sandboxes } from "../../sandbox/sandboxes.ts";
import { type Context, now } from "../context.ts";
import type { Held } from "../locks.ts";
import type { ContainerEndpoints } from "./container_endpoints.ts";
import type { ContainerStore } from "./container_store.ts";
import { killAll } from "./processes/kill.ts";
import type { SandboxHolder } from "./sandbox/sandbox_holder.ts";

/** Exit status of a process that SIGKILL ended, as shells have it. */
const KILLED = 137;

/** What {@linkcode Reaper} works with. */
export interface ReaperParts {
  store: ContainerStore;
  holder: SandboxHolder;
  endpoints: ContainerEndpoints;
  sandboxes: Sandboxes;
}

export class Reaper {
  readonly #context: Context;
  readonly #parts: ReaperParts;
  readonly #starting = new Map<string, Promise<unknown>>();
  /** Containers whose processes have to be killed since they don't end by themselves. */
  readonly #killed = new Set<string>();

  constructor(context: Context, parts: ReaperParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Notes the process of a container and watches for its end. */
  async started(id: string, running: ProcessIdentity): Promise<void> {
    await this.#parts.store.changeOwn(id, (container) => ({
      ...container,
      state: "running",
      running,
      started: now(),
    }));
    this.watch(id, running);
  }

  /** Runs the start of a container's process; its end is handled only after that. */
  async starting<T>(id: string, action: () => Promise<T>): Promise<T> {
    const result = action();
    this.#starting.set(id, result.catch(() => {}));
    try {
      return await result;
    } finally {
      this.#starting.delete(id);
    }
  }

  /** Reaps a container when its process ends. */
  watch(id: string, running: ProcessIdentity): void {
    this.#parts.holder.watch(id, running, async () => {
      await this.#starting.get(id);
      await this.reap(id);
    });
  }

  /** Kills the process of a container that doesn't end by itself. */
  async end(id: string): Promise<void> {
    await this.#context.locks.container(id, async () => {
      const container = this.#parts.store.get(id);
      const running = container && this.#parts.sandboxes.processes.running(container);
      if (!running) return;
      this.#killed.add(id);
      await killAll(this.#context.exits, running);
    });
    await this.reap(id);
    this.#killed.delete(id);
  }

  /**
   * Reaps a container whose process has ended (or whose sandbox is gone after a boot): its services lose their
   * backend, its own ones and its sandbox are removed; with `--rm`, the container too. Does nothing to a living one.
   *
   * @param exitCode as the process's starter saw it
   */
  async reap(id: string, exitCode?: number): Promise<void> {
    await this.#context.locks.container(id, (held) => this.#reap(held, exitCode));
  }

  async #reap(held: Held<"container">, seen: number | undefined): Promise<void> {
    const { id } = held;
    const { store, holder, endpoints, sandboxes } = this.#parts;
    const container = ifOwn(store.get(id));
    if (!container || container.state === "exited") return;
    const end = this.#endOf(container, seen);
    if (!end) return;
    if (end.running) await killAll(this.#context.exits, end.running);
    if (!container.autoRemove && end.started) await this.#noteServices(id);
    const code = seen ?? sandboxes.processes.exitCode(id) ??
      (this.#killed.has(id) ? KILLED : undefined);
    await endpoints.detachAll(held);
    // A sandbox without a process of netsvc's is only a namespace: without that, nothing is left.
    if (container.autoRemove || (end.lost && !end.started)) await holder.forget(id);
    else await holder.exit(id, code);
  }

  /** How a container has ended; `undefined` when it lives. */
  #endOf(
    container: OwnContainer,
    seen: number | undefined,
  ): { started: boolean; lost: boolean; running: ProcessIdentity | undefined } | undefined {
    const { sandboxes } = this.#parts;
    const running = sandboxes.processes.running(container);
    const lost = ownsSandbox(container) && !this.#context.namespaces.alive(container.id);
    if (running && !lost) return undefined;
    const started = container.running !== undefined ||
      sandboxes.processes.exitCode(container.id) !== undefined;
    if (!started && !lost && seen === undefined) return undefined;
    return { started, lost, running };
  }

  /** Notes what the container is attached to, for its next start. */
  async #noteServices(id: string): Promise<void> {
    const rejoin = this.#parts.endpoints.rejoinOf(id);
    // What was noted at the beginning of its end counts until the end is complete.
    if (rejoin.length === 0) return;
    await this.#parts.store.changeOwn(id, (container) => ({ ...container, rejoin }));
  }
}
