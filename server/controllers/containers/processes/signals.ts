/**
 * Signals to the processes of containers.
 *
 * @module
 */
import { NetsvcError } from "../../../../lib/api/errors.ts";
import type { KillContainer } from "../../../../lib/api/types.ts";
import {
  descend,
  signal,
  signalNumber,
  SIGNALS,
} from "../../../../lib/linux/processes/process_table.ts";
import type { OwnContainer } from "../../../model/container.ts";
import type { Sandboxes } from "../../../sandbox/sandboxes.ts";
import { containerLabel } from "../../labels.ts";
import type { ContainerStore } from "../container_store.ts";
import { isInside, isLaunching } from "./launch_chain.ts";

/** Levels from the starter down to init, at most, in a `kill` with a process id. */
const MAX_DEPTH = 4;

export class Signals {
  readonly #store: ContainerStore;
  readonly #sandboxes: Pick<Sandboxes, "processes">;

  constructor(store: ContainerStore, sandboxes: Pick<Sandboxes, "processes">) {
    this.#store = store;
    this.#sandboxes = sandboxes;
  }

  /** Sends a signal to a container's command, or to a process of `exec`. @throws {NetsvcError} `invalid` */
  async kill(reference: string, request: KillContainer): Promise<void> {
    const container = this.#store.findOwn(reference);
    const number = signalNumber(request.signal);
    const running = this.#sandboxes.processes.running(container);
    if (request.pid !== undefined) {
      const target = descend(request.pid, Math.min(request.depth ?? 0, MAX_DEPTH));
      if (target === undefined || !isInside(target, { id: container.id, running })) {
        throw new NetsvcError("invalid", `No process of this container below ${request.pid}`);
      }
      if (isLaunching(target, [])) {
        throw new NetsvcError("invalid", `The command below ${request.pid} doesn't run yet`);
      }
      return signal(target, number);
    }
    // A user who sends SIGKILL or its stop signal wants it stopped for good, as with Docker.
    const ends = [SIGNALS.SIGKILL, signalNumber(container.stopSignal ?? "SIGTERM")]
      .includes(number);
    if (running && container.restart && ends) await this.markStopped(container.id);
    this.send(container, number);
  }

  /** Notes that a user has stopped a container. */
  markStopped(id: string): Promise<void> {
    return this.#store.changeOwn(id, ({ restarts: _, ...container }) => ({
      ...container,
      stopped: true,
    }));
  }

  /** @throws {NetsvcError} `invalid`: the command doesn't run */
  send(container: OwnContainer, number: number): void {
    const running = this.#sandboxes.processes.running(container);
    const label = containerLabel(container);
    if (!running) throw new NetsvcError("invalid", `The container "${label}" isn't running`);
    const terminal = container.process?.tty ? 1 : 0;
    const target = descend(running.pid, 2 + terminal) ?? descend(running.pid, 2);
    // A process that has yet to exec the command may catch a signal, and lose it.
    if (target === undefined || isLaunching(target, container.process?.command ?? [])) {
      throw new NetsvcError("invalid", `The command of container "${label}" doesn't run (yet)`);
    }
    signal(target, number);
  }
}
