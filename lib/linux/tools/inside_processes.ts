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
  #timer: number | undefined;
  #closed: boolean;

  /** @param keep whether any stays between batches */
  constructor(processes: Processes, keep: boolean) {
    this.#processes = processes;
    this.#closed = !keep;
  }

  /** Number of idle processes. */
  get size(): number {
    return this.#kept.size;
  }

  /** Whether there is room for another one, without ending one that was used. */
  hasRoom(path: string): boolean {
    return !this.#closed && this.#kept.size < MAX_KEPT && !this.#kept.has(path);
  }

  /** Starts one in a namespace. @throws {NetsvcError} `unsupported` without `ip`, `kernel` without the namespace */
  spawn(path: string): InsideProcess {
    const run = { tool: "ip" as const, args: INSIDE_ARGS, script: "", namespace: path };
    const namespace = namespaceNumber(path);
    return new InsideProcess(this.#processes.spawn(run, "null"), namespace);
  }

  /** Takes the idle one of a namespace, if that is the one that the path leads to. */
  take(path: string): InsideProcess | undefined {
    const kept = this.#kept.get(path);
    if (!kept) return undefined;
    this.#kept.delete(path);
    if (isRight(path, kept.process)) return kept.process;
    this.#end(kept.process);
    return undefined;
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
    const kept = this.#kept.get(path);
    if (!kept) return;
    this.#kept.delete(path);
    await this.#ended(kept.process);
  }

  /** Ends the idle ones, and keeps none from now on. */
  retire(): void {
    this.#closed = true;
    for (const path of [...this.#kept.keys()]) this.#drop(path);
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    for (const [path, kept] of [...this.#kept]) {
      if (now - kept.since > KEPT_MS || !isRight(path, kept.process)) this.#drop(path);
    }
    if (this.#kept.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #drop(path: string): void {
    const kept = this.#kept.get(path);
    this.#kept.delete(path);
    if (kept) this.#end(kept.process);
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
