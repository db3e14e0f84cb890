/**
 * The `ip` processes that stay in the host's namespace between batches.
 *
 * @module
 */
import { BATCH_ARGS, BatchProcess } from "./batch_process.ts";
import { type Processes, TIMEOUT_MS } from "./processes.ts";
import { type Run, ToolError } from "./tool_error.ts";

/** Idle processes, at most. */
const MAX_KEPT = 2;
/** Time without a batch after which a process is ended, in milliseconds. */
const KEPT_MS = 30_000;

/** Processes that run one batch after the other. */
export class KeptBatches {
  readonly #processes: Processes;
  /** Those that wait for a batch, the last one used last. */
  readonly #kept: BatchProcess[] = [];
  #timer: number | undefined;
  #closed = false;

  constructor(processes: Processes) {
    this.#processes = processes;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Runs lines of ip-batch(8), which have been checked. @throws {ToolError} */
  async run(lines: string[]): Promise<void> {
    const run: Run = { tool: "ip", args: BATCH_ARGS, script: linesText(lines) };
    const kept = await this.#take() ?? new BatchProcess(this.#processes.spawn(run));
    const { used } = kept;
    const result = await kept.run(lines, TIMEOUT_MS);
    if (!result.ok) {
      const error = new ToolError(run, result.stderr);
      // Without the number of the failed line, `ip` has refused a malformed argument.
      if (!used || result.done === undefined || !isForgotten(error)) throw error;
      return await this.run(lines.slice(result.done));
    }
    if (this.#closed || this.#kept.length >= MAX_KEPT) return await kept.close();
    this.#kept.push(kept);
    this.#timer ??= setTimeout(() => this.forget(), KEPT_MS);
  }

  /** An idle process that is still alive. */
  async #take(): Promise<BatchProcess | undefined> {
    let kept = this.#kept.pop();
    while (kept && !kept.live) { // The process has been killed from outside.
      await kept.close();
      kept = this.#kept.pop();
    }
    return kept;
  }

  /** Ends the idle ones: their cache of links may be outdated. */
  async forget(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await Promise.all(this.#kept.splice(0).map((kept) => kept.close()));
  }

  /** Ends the idle ones and keeps none from now on. */
  retire(): void {
    this.#closed = true;
  }
}

/** Lines for a standard input. */
export function linesText(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

/**
 * Whether `ip` didn't find a link, which it may have known by its index: one of the same name is
 * another link when it was deleted and made again meanwhile. An unknown master is an invalid argument.
 */
function isForgotten({ errno }: ToolError): boolean {
  return errno === "ENODEV" || errno === "EINVAL";
}
