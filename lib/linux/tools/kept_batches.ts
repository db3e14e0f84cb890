/**
 * The `ip` processes that stay in a namespace between batches, by default the host's. Batches that come while these
 * are at work are given to the next free one together: it answers each by itself.
 *
 * @module
 */
import { BATCH_ARGS, BatchProcess, type BatchResult } from "./batch_process.ts";
import { type Processes, TIMEOUT_MS } from "./processes.ts";
import { type Run, ToolError } from "./tool_error.ts";

/** Idle processes, at most. */
const MAX_KEPT = 2;
/** Processes at work that change links: the kernel changes one at a time, so more would be no faster. */
const MAX_CHANGING = 2;
/** The same in another namespace, where few change anything at once. */
const MAX_CHANGING_ELSEWHERE = 1;
/** Processes at work that end links: each waits for some 20 ms, while the kernel does other things. */
const MAX_ENDING = 6;
/** The same in another namespace: what ends at the same time there goes by group. */
const MAX_ENDING_ELSEWHERE = 2;
/** Batches that one process gets together, at most. */
const MAX_TOGETHER = 64;
/** Time without a batch after which a process is ended, in milliseconds. */
const KEPT_MS = 30_000;

/** A batch that waits for its turn. */
interface Job {
  lines: string[];
  ended: PromiseWithResolvers<void>;
}

/** Batches of one kind. */
interface Line {
  readonly waiting: Job[];
  /** Processes that are at work. */
  working: number;
  readonly most: number;
}

/** Processes that run one batch after the other. */
export class KeptBatches {
  readonly #processes: Processes;
  readonly #namespace: string | undefined;
  /** Those that wait for a batch, the last one used last. */
  readonly #kept: BatchProcess[] = [];
  readonly #changes: Line;
  readonly #ends: Line;
  #timer: number | undefined;
  #closed = false;

  /** @param namespace its path */
  constructor(processes: Processes, namespace?: string) {
    this.#processes = processes;
    this.#namespace = namespace;
    const home = namespace === undefined;
    const changing = home ? MAX_CHANGING : MAX_CHANGING_ELSEWHERE;
    this.#changes = { waiting: [], working: 0, most: changing };
    this.#ends = { waiting: [], working: 0, most: home ? MAX_ENDING : MAX_ENDING_ELSEWHERE };
  }

  /** Runs lines of ip-batch(8), which have been checked. @throws {ToolError} */
  async run(lines: string[]): Promise<void> {
    const job = { lines, ended: Promise.withResolvers<void>() };
    const line = lines.some((one) => one.startsWith("link del")) ? this.#ends : this.#changes;
    line.waiting.push(job);
    if (line.working < line.most) this.#processes.mind(this.#work(line));
    await job.ended.promise;
  }

  /** Has one process run what waits, until nothing does. */
  async #work(line: Line): Promise<void> {
    line.working++;
    while (line.waiting.length > 0) {
      // The next free process doesn't wait for the end of links that another one waits for.
      const jobs = line.waiting.splice(0, line === this.#ends ? 1 : MAX_TOGETHER);
      line.waiting.unshift(...await this.#runAll(jobs));
    }
    line.working--;
    if (this.#closed) await this.forget();
    while (this.#kept.length > MAX_KEPT) await this.#kept.shift()!.close();
  }

  /** @returns those that have to be run again, or weren't begun */
  async #runAll(jobs: Job[]): Promise<Job[]> {
    let kept: BatchProcess;
    try {
      kept = await this.#take() ?? new BatchProcess(this.#processes.spawn(this.#runOf(jobs)));
    } catch (error) {
      for (const { ended } of jobs) ended.reject(error);
      return [];
    }
    const { used } = kept;
    const { succeeded, failure } = await kept.runAll(jobs.map(({ lines }) => lines), {
      deadline: TIMEOUT_MS,
      onDone: (n) => jobs[n]!.ended.resolve(),
    });
    if (!failure) {
      this.#kept.push(kept);
      this.#timer ??= setTimeout(() => this.forget(), KEPT_MS);
      return [];
    }
    const [failed, ...rest] = jobs.slice(succeeded) as [Job, ...Job[]];
    return [...this.#again(failed, failure, used || succeeded > 0), ...rest];
  }

  /** What is to be done again of a batch that failed; otherwise its caller is told. */
  #again(
    job: Job,
    { done, stderr }: Extract<BatchResult, { ok: false }>,
    used: boolean,
  ): Job[] {
    const error = new ToolError(this.#runOf([job]), stderr);
    // Without the number of the failed line, `ip` has refused a malformed argument.
    if (used && done !== undefined && isForgotten(error)) {
      return [{ ...job, lines: job.lines.slice(done) }];
    }
    job.ended.reject(error);
    return [];
  }

  #runOf(jobs: Job[]): Run {
    return {
      tool: "ip",
      args: BATCH_ARGS,
      script: linesText(jobs.flatMap(({ lines }) => lines)),
      ...this.#namespace !== undefined && { namespace: this.#namespace },
    };
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

  /** Ends the idle ones at once, also one that somebody has stopped; those at work end after it. */
  async end(): Promise<void> {
    this.#closed = true;
    for (const kept of this.#kept) kept.kill();
    await this.forget();
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
