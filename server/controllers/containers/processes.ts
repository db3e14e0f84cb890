/**
 * Processes in containers: started by the client in the foreground, or by the daemon, detached;
 * signals; the end.
 *
 * @module
 */
import { sleep } from "../../../lib/async/sleep.ts";
import { startChild } from "../../../lib/linux/processes/child.ts";
import { buildLaunch } from "../../../lib/api/launch.ts";
import { ownWords } from "../../../lib/linux/processes/self.ts";
import { ifOwn, type OwnContainer } from "../../model/container.ts";
import type { Stored } from "../../model/state.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import type {
  Container,
  ExecSpec,
  KillContainer,
  LaunchContainer,
  LaunchSpec,
  ProcessSpec,
  StopContainer,
  WaitResult,
} from "../../../lib/api/types.ts";
import {
  descend,
  identify,
  parentOf,
  type ProcessIdentity,
  signal,
  signalNumber,
  SIGNALS,
} from "../../../lib/linux/processes/process_table.ts";
import { readFileSync } from "../../../lib/linux/libc.ts";
import type { ContainerLogs } from "../../sandbox/logs/container_logs.ts";
import type { LogOptions } from "../../sandbox/logs/log_file.ts";
import type { Sandboxes } from "../../sandbox/sandboxes.ts";
import { checkEnvironment, checkWorkdir, type Containers } from "./containers.ts";
import type { Context } from "../context.ts";
import { wantsRestart } from "./restart_policy.ts";
import { containerLabel } from "../labels.ts";

/** Longest that one wait is held open, in milliseconds; the client asks again. */
const WAIT_MS = 25_000;
/** How long a detached command may take to come up or fail to, in milliseconds. */
const START_MS = 2_000, POLL_MS = 10;
/** Programs of the launch chain: while one of them runs, the user's command doesn't yet. */
const CHAIN = new Set([
  ...[
    "sh",
    "nsenter",
    "unshare",
    "netsvc",
    "deno",
    "env",
    "script",
    "setsid",
    "mount",
    "umount",
    "stty",
  ],
  "", // It has just ended.
]);
/** Exit statuses by which the chain says that there is no such command. */
const NOT_STARTED = new Set([126, 127]);
/** How long a stop waits before it kills, in seconds, unless it is told. */
const STOP_S = 10;
/** Steps from the starter down to init, at most, in a `kill` with a process id. */
const MAX_DEPTH = 4;

/** Controller of processes. */
export class Processes {
  readonly #context: Context;
  readonly #containers: Containers;
  readonly #sandboxes: Sandboxes;
  readonly #logs: ContainerLogs;

  constructor(
    context: Context,
    containers: Containers,
    sandboxes: Sandboxes,
    logs: ContainerLogs,
  ) {
    this.#logs = logs;
    this.#context = context;
    this.#containers = containers;
    this.#sandboxes = sandboxes;
  }

  /** A container that netsvc made: others' processes are their engines'. */
  #own(reference: string): Stored<OwnContainer> {
    const { record, revision } = this.#containers.find(reference);
    if (record.kind === "own") return { record, revision };
    throw new NetsvcError(
      "invalid",
      `The container "${containerLabel(record)}" isn't netsvc's` +
        (["docker", "podman"].includes(record.runtime)
          ? `; use the command "${record.runtime}"`
          : ", and so aren't its processes"),
    );
  }

  /** What a client runs to start a container's process in the foreground. */
  async launch(reference: string, request: LaunchContainer): Promise<LaunchSpec> {
    const { record } = this.#own(reference);
    if (record.restart) {
      throw new NetsvcError(
        "invalid",
        `The container "${
          containerLabel(record)
        }" has a restart policy, so the daemon starts it; use ` +
          `run -d`,
      );
    }
    const start = await this.#sandboxes.planProcess(record, this.#unstarted(reference), {
      detached: false,
      terminal: request.terminal ?? false,
    });
    return { start };
  }

  /** The process that a container was made with and that hasn't been started. */
  #unstarted(reference: string): ProcessSpec {
    const { record } = this.#own(reference);
    const label = containerLabel(record);
    if (!record.process) {
      throw new NetsvcError("invalid", `The container "${label}" was made without a command`);
    }
    if (record.state === "created" && !this.#sandboxes.running(record)) return record.process;
    throw new NetsvcError("in_use", `The container "${label}" was started already`);
  }

  /**
   * Starts a container's process, also one that has ended; it outlives the daemon.
   *
   * @param options `again`: by its policy
   */
  async start(reference: string, { again = false } = {}): Promise<Container> {
    const { record } = this.#own(reference);
    // As Docker has it: it is what was wanted.
    if (record.state === "running" && record.process) return this.#containers.info(record.id);
    if (record.state === "exited" && record.process) {
      await this.#containers.revive(record.id, again);
    }
    const spec = this.#unstarted(reference);
    const start = await this.#sandboxes.planProcess(record, spec, {
      detached: true,
      terminal: false,
    });
    const created = this.#containers.info(record.id);
    const { argv, env, signalDepth } = buildLaunch({ start }, ownWords());
    const child = startChild("setsid", {
      args: argv,
      env,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    // Reaps the child; its end is noticed by the watch, which also sees those of earlier daemons.
    child.status.catch(() => {});
    const running = identify(child.pid);
    await this.#containers.starting(record.id, async () => {
      if (running) await this.#containers.started(record.id, running);
      await this.#settled(record, child.pid, signalDepth, spec.command);
    });
    // With --rm it may have come and gone.
    return this.#context.state.containers.has(record.id)
      ? this.#containers.info(record.id)
      : { ...created, state: "exited" };
  }

  /** Waits until the command itself runs. @throws {NetsvcError} `invalid` when there is none */
  async #settled(
    { id, started }: OwnContainer,
    pid: number,
    depth: number,
    command: string[],
  ): Promise<void> {
    const deadline = Date.now() + START_MS;
    while (Date.now() < deadline) {
      // In this order: a process that is gone has left its status behind.
      const alive = identify(pid) !== undefined;
      const code = this.#sandboxes.exitCode(id);
      if (code !== undefined) {
        if (!NOT_STARTED.has(code)) return;
        const said = (await this.#logs.last(id)).replace(/^netsvc: /, "");
        await this.#containers.settle(id, code);
        // One that ran before stays what it was.
        const first = started === undefined && this.#context.state.containers.has(id);
        if (first) await this.#containers.remove(id, true);
        throw new NetsvcError("invalid", `Cannot start the command: ${said || "unknown reason"}`, {
          exitCode: code,
        });
      }
      const process = descend(pid, depth);
      if (process !== undefined && isCommand(process, command)) return;
      if (!alive) return;
      await sleep(POLL_MS);
    }
  }

  /** What a client runs for a further process. */
  async exec(reference: string, spec: ExecSpec): Promise<LaunchSpec> {
    checkEnvironment(spec.env);
    if (spec.workdir !== undefined) checkWorkdir(spec.workdir);
    const { record } = this.#own(reference);
    return await this.#sandboxes.planExec(record, spec);
  }

  /** A client tells which process it started. */
  async started(reference: string, pid: number): Promise<Container> {
    const { record } = this.#own(reference);
    const running = identify(pid);
    if (running && record.state === "created") {
      await this.#containers.started(record.id, running);
    }
    return this.#containers.info(record.id);
  }

  /** A client tells how its process ended; answers when all that goes with it is gone. */
  async exited(reference: string, exitCode: number): Promise<void> {
    const { record } = this.#own(reference);
    await this.#containers.settle(record.id, exitCode);
  }

  /** Ends a container's process and leaves it so, whatever its policy; one that has ended stays so. */
  async stop(reference: string, request: StopContainer = {}): Promise<Container> {
    const { record } = this.#own(reference);
    const number = signalNumber(request.signal ?? record.stopSignal ?? "SIGTERM");
    if (!record.process) {
      throw new NetsvcError(
        "invalid",
        `The container "${containerLabel(record)}" was made without a command`,
      );
    }
    await this.#containers.markStopped(record.id, true);
    const seconds = request.timeout ?? record.stopTimeout ?? STOP_S;
    const deadline = performance.now() + seconds * 1000;
    const isOver = () => this.#context.state.containers.get(record.id)?.record.state !== "running";
    if (!isOver() && seconds > 0) {
      // The command may just be coming up.
      while (!isOver() && performance.now() < deadline && !this.#trySignal(record, number)) {
        await sleep(POLL_MS);
      }
      await this.#until(isOver, deadline - performance.now());
    }
    if (!isOver()) await this.#containers.end(record.id);
    return this.#containers.info(record.id);
  }

  /** Ends a container's process, and starts it. */
  async restart(reference: string, request: StopContainer = {}): Promise<Container> {
    const { record } = this.#own(reference);
    await this.stop(record.id, request);
    return await this.start(record.id);
  }

  #trySignal(record: OwnContainer, number: number): boolean {
    try {
      this.#signal(record, number);
      return true;
    } catch {
      return false; // Nobody is there to take it.
    }
  }

  /** Waits until something of the state holds, or so many milliseconds. */
  async #until(condition: () => boolean, ms: number): Promise<void> {
    if (condition() || ms <= 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    const unsubscribe = this.#context.state.subscribe(() => condition() && resolve());
    await promise;
    clearTimeout(timer);
    unsubscribe();
  }

  /** Sends a signal to a container's command, or to a process of `exec`. */
  async kill(reference: string, request: KillContainer): Promise<void> {
    const { record } = this.#own(reference);
    const number = signalNumber(request.signal);
    const running = this.#sandboxes.running(record);
    if (request.pid !== undefined) {
      const target = descend(request.pid, Math.min(request.depth ?? 0, MAX_DEPTH));
      if (target === undefined || !this.#isInside(target, record.id, running)) {
        throw new NetsvcError("invalid", `No process of this container below ${request.pid}`);
      }
      if (isLaunching(target, [])) {
        throw new NetsvcError("invalid", `The command below ${request.pid} doesn't run yet`);
      }
      return signal(target, number);
    }
    // Whoever kills it wants it dead, as with Docker.
    const ends = [SIGNALS.SIGKILL, signalNumber(record.stopSignal ?? "SIGTERM")].includes(number);
    if (running && record.restart && ends) await this.#containers.markStopped(record.id, true);
    this.#signal(record, number);
  }

  #signal(record: OwnContainer, number: number): void {
    const running = this.#sandboxes.running(record);
    if (!running) {
      throw new NetsvcError("invalid", `The container "${containerLabel(record)}" isn't running`);
    }
    const terminal = record.process?.tty ? 1 : 0;
    const target = descend(running.pid, 2 + terminal) ?? descend(running.pid, 2);
    // Who is still about to become it may catch a signal, and lose it.
    if (target === undefined || isLaunching(target, record.process?.command ?? [])) {
      throw new NetsvcError(
        "invalid",
        `The command of container "${containerLabel(record)}" doesn't run (yet)`,
      );
    }
    signal(target, number);
  }

  /** Whether a process shares a PID namespace with a container or descends from its launch. */
  #isInside(pid: number, id: string, running: ProcessIdentity | undefined): boolean {
    const namespace = (of: number) => {
      try {
        return readFileSync(`/proc/${of}/status`).match(/^NSpid:\s+(.*)$/m)?.[1]?.split(/\s+/)
          .length ?? 1;
      } catch {
        return 0;
      }
    };
    // In a PID namespace below the daemon's: a container's, and the launch that made it names ours.
    if (namespace(pid) <= namespace(Deno.pid)) return false;
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parentOf(at)) {
      if (running && at === running.pid) return true;
      try {
        const line = readFileSync(`/proc/${at}/cmdline`);
        if (
          line.includes(id) || (running && line.includes(`--target=${descend(running.pid, 2)}`))
        ) {
          return true;
        }
      } catch {
        return false;
      }
    }
    return false;
  }

  /**
   * Waits until a container's process has ended, or 25 s.
   *
   * @throws {NetsvcError} `invalid` about one that never has any
   */
  async wait(reference: string): Promise<WaitResult> {
    const { state } = this.#context;
    const { record } = this.#own(reference);
    if (!record.process && record.state === "created") {
      throw new NetsvcError(
        "invalid",
        `The container "${containerLabel(record)}" was made without a command`,
      );
    }
    let exitCode = record.exitCode;
    const done = () => {
      const current = state.containers.get(record.id)?.record;
      exitCode = ifOwn(current)?.exitCode ?? exitCode ?? this.#sandboxes.exitCode(record.id);
      return current === undefined || current.state === "exited";
    };
    if (!done()) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(finish, WAIT_MS);
        const unsubscribe = state.subscribe(() => done() && finish());
        function finish() {
          clearTimeout(timer);
          unsubscribe();
          resolve();
        }
      });
    }
    return { done: done(), ...exitCode !== undefined && { exitCode } };
  }

  /**
   * Output of a detached container, as far as it is kept; with `follow` until it has ended and all
   * is told, or until `signal`.
   */
  log(
    reference: string,
    { follow, ...options }: Omit<LogOptions, "until"> & { follow: boolean },
  ): ReadableStream<Uint8Array<ArrayBuffer>> {
    const { record } = this.#own(reference);
    const { id } = record;
    if (!this.#logs.has(id)) {
      const label = containerLabel(record);
      if (!record.process) {
        throw new NetsvcError(
          "invalid",
          `The container "${label}" has no output: it was made without a command`,
        );
      }
      if (record.state !== "created") {
        throw new NetsvcError(
          "invalid",
          `The output of container "${label}" isn't kept: it was run in the foreground, without -d`,
        );
      }
    }
    const until = () => {
      const record = ifOwn(this.#context.state.containers.get(id)?.record);
      // One that its policy starts again goes on to say something.
      return record === undefined || (record.state === "exited" && !wantsRestart(record));
    };
    return ReadableStream.from(this.#logs.read(id, { ...options, ...follow && { until } }));
  }
}

/** A file of a process's; empty when that has ended. */
function readOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`);
  } catch {
    return "";
  }
}

/** Whether a process is the user's command, by its words, and not the launch chain, by its name. */
function isCommand(pid: number, command: string[]): boolean {
  return readOf(pid, "cmdline") === `${command.join("\0")}\0` ||
    !CHAIN.has(readOf(pid, "comm").trim());
}

/** What the words of the launch chain's processes hold (see `wire/launch.ts`), but of mount and umount. */
const LAUNCHING = /\0eval "\$NETSVC_|\0--inside\0(run|exec)\0|^\/usr\/bin\/env\0--\0/;
const MOUNTING = new Set(["mount", "umount"]);

/** Whether a process still is of the launch chain: the user's command may be a shell, too. */
function isLaunching(pid: number, command: string[]): boolean {
  const words = readOf(pid, "cmdline");
  if (words === `${command.join("\0")}\0`) return false;
  return LAUNCHING.test(words) || MOUNTING.has(readOf(pid, "comm").trim());
}
