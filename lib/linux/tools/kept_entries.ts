/**
 * A `bridge -batch -` that stays in a namespace between batches, for the entries by which frames are forwarded. What
 * comes while it is at work is given to it together. It carries on past a line that fails; what failed, and what was
 * given together with that, is then done again by a process for each, which shows whose fault it was: a process that
 * stays may also know a link by the index of one that is gone. Each line sets or deletes one entry, so it can be done
 * twice; what is deleted twice fails, and its caller reads the entries again.
 *
 * @module
 */
import { INSIDE_ARGS, InsideProcess } from "./inside_process.ts";
import { linesText } from "./kept_batches.ts";
import { type Processes, TIMEOUT_MS } from "./processes.ts";
import { type Run, ToolError } from "./tool_error.ts";

/** Batches that it gets together, at most. */
const MAX_TOGETHER = 64;
/** Time without a batch after which it is ended, in milliseconds. */
const KEPT_MS = 30_000;

/** A batch that waits for its turn. */
interface Job {
  lines: string[];
  ended: PromiseWithResolvers<void>;
}

/** Options of {@linkcode KeptEntries}. */
export interface KeptEntriesOptions {
  /** Path of its namespace; the host's unless given. */
  namespace?: string;
  /** Runs a batch by a process of its own. */
  byProcess: (run: Run) => Promise<unknown>;
}

/** The process of one namespace. */
export class KeptEntries {
  readonly #processes: Processes;
  readonly #options: KeptEntriesOptions;
  readonly #waiting: Job[] = [];
  #working = false;
  #process: InsideProcess | undefined;
  #timer: number | undefined;
  #closed = false;

  constructor(processes: Processes, options: KeptEntriesOptions) {
    this.#processes = processes;
    this.#options = options;
  }

  /** Runs lines of bridge(8), which have been checked. @throws {ToolError} */
  async run(lines: string[]): Promise<void> {
    const job = { lines, ended: Promise.withResolvers<void>() };
    this.#waiting.push(job);
    if (!this.#working) this.#processes.mind(this.#work());
    await job.ended.promise;
  }

  async #work(): Promise<void> {
    this.#working = true;
    while (this.#waiting.length > 0) await this.#runAll(this.#waiting.splice(0, MAX_TOGETHER));
    this.#working = false;
    if (this.#closed) await this.forget();
    else if (this.#process) this.#timer ??= setTimeout(() => this.forget(), KEPT_MS);
  }

  async #runAll(jobs: Job[]): Promise<void> {
    const run = this.#runOf(jobs.flatMap(({ lines }) => lines));
    try {
      const process = this.#take() ?? new InsideProcess(this.#processes.spawn(run, "null"));
      const result = await process.run(jobs.flatMap(({ lines }) => lines), TIMEOUT_MS);
      if (result.ok) {
        this.#process = process;
        for (const { ended } of jobs) ended.resolve();
        return;
      }
      process.kill();
      await process.close();
      if (result.why === "late") throw new ToolError(run, result.stderr);
    } catch (error) {
      for (const { ended } of jobs) ended.reject(error);
      return;
    }
    for (const { lines, ended } of jobs) {
      await this.#options.byProcess(this.#runOf(lines)).then(() => ended.resolve(), ended.reject);
    }
  }

  /** The idle process, if nobody has ended it meanwhile. */
  #take(): InsideProcess | undefined {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const process = this.#process;
    this.#process = undefined;
    return process?.live ? process : undefined;
  }

  #runOf(lines: string[]): Run {
    const { namespace } = this.#options;
    return {
      tool: "bridge",
      args: INSIDE_ARGS,
      script: linesText(lines),
      ...namespace !== undefined && { namespace },
    };
  }

  /** Ends it if it is idle: it may know links that are others by now. */
  async forget(): Promise<void> {
    const process = this.#take();
    if (!process) return;
    // By SIGKILL: it has nothing to do, and one that somebody has stopped wouldn't end otherwise.
    process.kill();
    await process.close();
  }

  /** Keeps none from now on. */
  retire(): void {
    this.#closed = true;
  }
}
