/**
 * An `ip -batch -` that stays, and runs one batch after the other: a process costs ten times what most
 * batches take. It ends with its first failed batch, as ip-batch(8) does, and with its standard input,
 * so that none outlives the daemon.
 *
 * @module
 */

/** How a batch ended. */
export type BatchResult =
  | { ok: true }
  | {
    ok: false;
    stderr: string;
    /** How many lines of it succeeded, where `ip` reports which one failed. */
    done: number | undefined;
  };

/** How batches that were given together ended; none after one that failed is begun. */
export interface BatchesResult {
  /** How many succeeded. */
  succeeded: number;
  /** How the next one failed. */
  failure?: Extract<BatchResult, { ok: false }>;
}

/** Arguments that such a process is spawned with. */
export const BATCH_ARGS = ["-o", "-batch", "-"];
/** Asks for what is always there, after each batch: `ip` flushes its output with every link shown. */
const MARKER = "link show dev lo";
/** Start of the line that answers it. */
const MARK = /^1: lo[:@]/;
/** Characters of the last standard error that count. */
const MAX_STDERR = 4096;

export class BatchProcess {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #ended: Promise<void>;
  #stderr = "";
  #live = true;
  /** Lines given in earlier batches. */
  #lines = 0;

  /** @param child a process that was spawned with all three of its streams piped */
  constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#writer = child.stdin.getWriter();
    this.#writer.closed.catch(() => {}); // Writes reject too; else this would count as unhandled.
    this.#reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#ended = Promise.all([child.status, this.#listen()]).then(() => {
      this.#live = false;
    });
  }

  /** Whether it can take another batch, as far as is known. */
  get live(): boolean {
    return this.#live;
  }

  /** Whether it has run a batch: it caches links then, and the cache may be outdated. */
  get used(): boolean {
    return this.#lines > 0;
  }

  async #listen(): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.#stderr = (this.#stderr + text).slice(-MAX_STDERR);
    }
  }

  /**
   * Runs a batch; one at a time.
   *
   * @param deadline after which it is killed, in milliseconds
   */
  async run(lines: string[], deadline: number): Promise<BatchResult> {
    const { failure } = await this.runAll([lines], { deadline });
    return failure ?? { ok: true };
  }

  /**
   * Runs batches one after the other, up to the first that fails; they are given to it together.
   *
   * @param options `deadline` for all of them, in milliseconds; `onDone` is called when one has succeeded
   */
  async runAll(
    batches: string[][],
    { deadline, onDone = () => {} }: { deadline: number; onDone?: (index: number) => void },
  ): Promise<BatchesResult> {
    this.#stderr = "";
    const timer = setTimeout(() => this.kill(), deadline);
    let succeeded = 0;
    const failed = async () => {
      await this.close();
      return { succeeded, failure: this.#failure() };
    };
    try {
      const lines = batches.flatMap((batch) => [...batch, MARKER]);
      await this.#writer.write(new TextEncoder().encode(`${lines.join("\n")}\n`));
      for (let text = ""; succeeded < batches.length;) {
        const { done, value } = await this.#reader.read();
        if (done) return await failed();
        const shown = (text + value).split("\n");
        text = shown.pop()!;
        for (const line of shown) {
          if (!MARK.test(line) || succeeded === batches.length) continue;
          this.#lines += batches[succeeded]!.length + 1;
          onDone(succeeded++);
        }
      }
      return { succeeded };
    } catch {
      return await failed();
    } finally {
      clearTimeout(timer);
    }
  }

  /** Why it has ended. */
  #failure(): Extract<BatchResult, { ok: false }> {
    const line = this.#stderr.match(/Command failed -:(\d+)/)?.[1];
    const done = line === undefined ? undefined : Math.max(0, Number(line) - this.#lines - 1);
    return { ok: false, stderr: this.#stderr, done };
  }

  /** Ends it at once. */
  kill(): void {
    this.#live = false;
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // The process has ended already.
    }
  }

  /** Ends it when it has done what it was given. */
  async close(): Promise<void> {
    this.#live = false;
    await this.#writer.close().catch(() => {});
    await this.#reader.cancel().catch(() => {});
    await this.#ended;
  }
}
