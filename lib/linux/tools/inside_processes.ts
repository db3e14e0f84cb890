/**
 * The `ip` processes that stay in sandboxes between batches: few, not for long, and none in a sandbox that is being
 * closed. Each keeps its namespace alive, so they are looked at once a second.
 *
 * @module
 */
import { namespaceNumber } from "../namespaces/namespace_identity.ts";
import { INSIDE_ARGS, InsideProcess } from "./inside_process.ts";
import type { Processes } from "./processes.ts";

/** Idle processes, at most: the one that was used longest ago makes room. */
const MAX_KEPT = 8;
/** Time without a batch after which a process is ended, in milliseconds. */
const KEPT_MS = 30_000;
/**
 * Processes of new sandboxes that wait for their first batch, at most: of many that are made together, each has its own
 * when they are attached together. An idle one takes some 0.3 MiB, the kernel's part included.
 */
const MAX_READY = 128;
/** How long these wait, in milliseconds. */
const READY_MS = 10_000;
/** Interval of looking whether the namespaces are still there, in milliseconds. */
const LOOK_MS = 1_000;

/** An idle process. */
interface Kept {
  process: InsideProcess;
  since: number;
}

/** Processes in sandboxes, by the path of the namespace. */
export class InsideProcesses {
  readonly #processes: Processes;
  /** In the order of their last use. */
  readonly #kept = new Map<string, Kept>();
  /** Those that have had no batch yet. */
  readonly #ready = new Map<string, Kept>();
  #timer: number | undefined;
  #closed: boolean;

  /** @param keep whether any stays between batches */
  constructor(processes: Processes, keep: boolean) {
    this.#processes = processes;
    this.#closed = !keep;
  }

  /** Number of idle processes. */
  get size(): number {
    return this.#kept.size + this.#ready.size;
  }

  /** Whether a new sandbox may have one before it is asked for. */
  hasRoom(path: string): boolean {
    return !this.#closed && this.#ready.size < MAX_READY && !this.#ready.has(path) &&
      !this.#kept.has(path);
  }

  /** Starts one in a namespace. @throws {NetsvcError} `unsupported` without `ip`, `kernel` without the namespace */
  spawn(path: string): InsideProcess {
    const run = { tool: "ip" as const, args: INSIDE_ARGS, script: "", namespace: path };
    const namespace = namespaceNumber(path);
    return new InsideProcess(this.#processes.spawn(run, "null"), namespace);
  }

  /** Takes the idle one of a namespace, if that is the one that the path leads to. */
  take(path: string): InsideProcess | undefined {
    const process = this.#idle(path);
    if (!process) return undefined;
    if (isRight(path, process)) return process;
    this.#end(process);
    return undefined;
  }

  #idle(path: string): InsideProcess | undefined {
    for (const idle of [this.#kept, this.#ready]) {
      const kept = idle.get(path);
      idle.delete(path);
      if (kept) return kept.process;
    }
    return undefined;
  }

  /** Starts one for the first batch of a new sandbox. @throws as {@linkcode spawn} */
  getReady(path: string): void {
    if (!this.hasRoom(path)) return;
    this.#ready.set(path, { process: this.spawn(path), since: performance.now() });
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
  }

  /** Keeps one that has run its batch, or ends it. */
  put(path: string, process: InsideProcess): void {
    if (this.#closed || !isRight(path, process)) return this.#end(process);
    this.#drop(path); // Another one of the same namespace was faster.
    this.#kept.set(path, { process, since: performance.now() });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT) this.#drop(oldest!);
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
  }

  /** Ends the idle one of a namespace that is being closed. */
  async letGo(path: string): Promise<void> {
    const process = this.#idle(path);
    if (process) await this.#ended(process);
  }

  /** Ends the idle ones, and keeps none from now on. */
  retire(): void {
    this.#closed = true;
    for (const path of [...this.#kept.keys(), ...this.#ready.keys()]) this.#drop(path);
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    const late = (idle: Map<string, Kept>, ms: number) => {
      for (const [path, kept] of [...idle]) {
        if (now - kept.since > ms || !isRight(path, kept.process)) this.#drop(path);
      }
    };
    late(this.#kept, KEPT_MS);
    late(this.#ready, READY_MS);
    if (this.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #drop(path: string): void {
    const process = this.#idle(path);
    if (process) this.#end(process);
  }

  /** The end takes a moment, which only the close of the runner waits for. */
  #end(process: InsideProcess): void {
    this.#processes.mind(this.#ended(process));
  }

  /** By SIGKILL: it has nothing to do, and one that somebody has stopped wouldn't end otherwise. */
  async #ended(process: InsideProcess): Promise<void> {
    process.kill();
    await process.close();
  }
}

/** Whether a process lives, in the namespace that its path leads to. */
function isRight(path: string, { live, namespace }: InsideProcess): boolean {
  return live && namespace !== undefined && namespaceNumber(path) === namespace;
}
