/**
 * Starts containers' processes: the daemon detached, or the client in the foreground.
 *
 * @module
 */
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { buildLaunch } from "../../../../lib/api/launch.ts";
import type {
  Container,
  LaunchContainer,
  LaunchSpec,
  ProcessSpec,
} from "../../../../lib/api/types.ts";
import { sleep } from "../../../../lib/async/sleep.ts";
import { startChild } from "../../../../lib/linux/processes/child.ts";
import { descend, identify } from "../../../../lib/linux/processes/process_table.ts";
import { ownWords } from "../../../../lib/linux/processes/self.ts";
import type { OwnContainer } from "../../../model/container.ts";
import type { ContainerLogs } from "../../../sandbox/logs/container_logs.ts";
import type { Sandboxes } from "../../../sandbox/sandboxes.ts";
import { containerLabel } from "../../labels.ts";
import type { Containers } from "../containers.ts";
import { isCommand } from "./launch_chain.ts";

/** How long a detached command may take to start or to fail, in milliseconds. */
const START_MS = 2_000;
const POLL_MS = 10;
/** Exit statuses by which the launch chain says that the command doesn't exist or can't run. */
const NOT_STARTED = new Set([126, 127]);

/** What {@linkcode Starter} works with. */
export interface StarterParts {
  containers: Containers;
  sandboxes: Sandboxes;
  logs: ContainerLogs;
}

export class Starter {
  readonly #parts: StarterParts;

  constructor(parts: StarterParts) {
    this.#parts = parts;
  }

  /** What a client runs to start a container's process in the foreground. */
  async launch(reference: string, request: LaunchContainer): Promise<LaunchSpec> {
    const container = this.#parts.containers.store.findOwn(reference);
    if (container.restart) {
      throw new NetsvcError(
        "invalid",
        `The container "${
          containerLabel(container)
        }" has a restart policy, so the daemon starts it; use ` +
          `run -d`,
      );
    }
    const start = await this.#parts.sandboxes.launches.planProcess(
      container,
      this.#unstarted(reference),
      {
        detached: false,
        terminal: request.terminal ?? false,
      },
    );
    return { start };
  }

  /** The process of a container that has one and hasn't been started. */
  #unstarted(reference: string): ProcessSpec {
    const { containers, sandboxes } = this.#parts;
    const container = containers.store.findOwn(reference);
    const label = containerLabel(container);
    if (!container.process) {
      throw new NetsvcError("invalid", `The container "${label}" was made without a command`);
    }
    if (container.state === "created" && !sandboxes.processes.running(container)) {
      return container.process;
    }
    throw new NetsvcError("in_use", `The container "${label}" was started already`);
  }

  /**
   * Starts a container's process, or starts an ended one again; it outlives the daemon.
   *
   * @param options `again`: by its policy
   */
  async start(reference: string, { again = false } = {}): Promise<Container> {
    const { containers, sandboxes } = this.#parts;
    const container = containers.store.findOwn(reference);
    const { id } = container;
    // As with Docker: the container already is as the caller wants it.
    if (container.state === "running" && container.process) return containers.info(id);
    if (container.state === "exited" && container.process) {
      await containers.revival.revive(id, again);
    }
    const spec = this.#unstarted(reference);
    const start = await sandboxes.launches.planProcess(container, spec, {
      detached: true,
      terminal: false,
    });
    const created = containers.info(id);
    const { argv, env, signalDepth } = buildLaunch({ start }, ownWords());
    const child = startChild("setsid", {
      args: argv,
      env,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    // Reaps the child; the watch notices its end, as it does for those of earlier daemons.
    child.status.catch(() => {});
    const running = identify(child.pid);
    await containers.reaper.starting(id, async () => {
      if (running) await containers.reaper.started(id, running);
      await this.#awaitCommand(container, spec, { pid: child.pid, depth: signalDepth });
    });
    // With --rm it may have ended already.
    return containers.store.get(id) ? containers.info(id) : { ...created, state: "exited" };
  }

  /** Waits until the command itself runs. @throws {NetsvcError} `invalid` when it can't be run */
  async #awaitCommand(
    container: OwnContainer,
    { command }: ProcessSpec,
    { pid, depth }: { pid: number; depth: number },
  ): Promise<void> {
    const deadline = Date.now() + START_MS;
    while (Date.now() < deadline) {
      // In this order: a process writes its status before it ends.
      const alive = identify(pid) !== undefined;
      const code = this.#parts.sandboxes.processes.exitCode(container.id);
      if (code !== undefined && NOT_STARTED.has(code)) await this.#refuse(container, code);
      if (code !== undefined) return;
      const process = descend(pid, depth);
      if (process !== undefined && isCommand(process, command)) return;
      if (!alive) return;
      await sleep(POLL_MS);
    }
  }

  /** Throws the launch chain's reason why the command can't be run. */
  async #refuse({ id, started }: OwnContainer, exitCode: number): Promise<never> {
    const { containers, logs } = this.#parts;
    const said = (await logs.last(id)).replace(/^netsvc: /, "");
    await containers.reaper.reap(id, exitCode);
    // A container that ran before keeps its record.
    if (started === undefined && containers.store.get(id)) {
      await containers.removal.remove(containers.store.own(id), true);
    }
    throw new NetsvcError("invalid", `Cannot start the command: ${said || "unknown reason"}`, {
      exitCode,
    });
  }
}
