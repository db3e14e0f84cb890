/**
 * An `ip -batch -` inside a sandbox, which stays for further batches, or a `bridge -batch -` anywhere. Whoever is root
 * in the sandbox may rename its links and give them others' names, so nothing that `ip` shows of them is relied on: a
 * batch has ended when the tool refuses a word that is no command, and says in which line; `bridge` shows nothing by
 * which that could be seen. It carries on past a line that fails, and ends with its standard input, so that none
 * outlives the daemon.
 *
 * @module
 */

/** Arguments that such a process is spawned with. */
export const INSIDE_ARGS = ["-force", "-batch", "-"];
/** No command of ip(8) or bridge(8), nor the beginning of one: it is refused without asking the kernel. */
const END = "done";
/** Says which line was refused: the batch's end, or one that failed. */
const REFUSED = /^Command failed -:(\d+)$/gm;
/** Characters of standard error that are kept. */
const MAX_STDERR = 8192;

/**
 * What a batch led to. `refused`: a line failed. `ended`: the process is gone, and what it did of the batch isn't
 * known. `late`: it was killed after the deadline.
 */
export type InsideResult =
  | { ok: true }
  | { ok: false; why: "refused" | "ended" | "late"; stderr: string };

export class InsideProcess {
  /** The number of its namespace: no other one has that while the process lives. */
  readonly namespace: string | undefined;
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #ended: Promise<void>;
  #stderr = "";
  #live = true;
  /** Lines given so far. */
  #lines = 0;
  #told = () => {};

  /** @param child a process that was spawned with standard input and error piped */
  constructor(child: Deno.ChildProcess, namespace?: string) {
    this.namespace = namespace;
    this.#child = child;
    this.#writer = child.stdin.getWriter();
    this.#writer.closed.catch(() => {}); // Writes reject too; else this would count as unhandled.
    this.#ended = Promise.all([child.status, this.#listen()]).then(() => {
      this.#live = false;
      this.#told();
    });
  }

  /** Its id, by which `ip` elsewhere names its namespace. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Whether it can take another batch, as far as is known. */
  get live(): boolean {
    return this.#live;
  }

  async #listen(): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.#stderr = (this.#stderr + text).slice(-MAX_STDERR);
      this.#told();
    }
  }

  /**
   * Runs a batch; one at a time.
   *
   * @param deadline after which it is killed, in milliseconds
   */
  async run(lines: readonly string[], deadline: number): Promise<InsideResult> {
    this.#stderr = "";
    this.#lines += lines.length + 1;
    const last = this.#lines;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.kill();
    }, deadline);
    try {
      const over = this.#until(() => !this.#live || this.#refused().includes(last));
      await this.#writer.write(new TextEncoder().encode(`${[...lines, END].join("\n")}\n`));
      await over;
    } catch {
      await this.close(); // It has ended: what it said last counts.
    } finally {
      clearTimeout(timer);
      this.#told = () => {};
    }
    const refused = this.#refused();
    if (refused.at(-1) !== last) {
      await this.close();
      return { ok: false, why: late ? "late" : "ended", stderr: this.#stderr };
    }
    return refused.length === 1
      ? { ok: true }
      : { ok: false, why: "refused", stderr: withoutEnd(this.#stderr) };
  }

  /** Numbers of the lines that it has refused in this batch. */
  #refused(): number[] {
    return [...this.#stderr.matchAll(REFUSED)].map(([, line]) => Number(line));
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#told = () => {
        if (condition()) resolve();
      };
      this.#told();
    });
  }

  /** Ends it at once. */
  kill(): void {
    this.#live = false;
    this.#told();
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
    await this.#ended;
  }
}

/** Without the two lines that the batch's end led to. */
function withoutEnd(stderr: string): string {
  return stderr.split("\n").filter((line) => !line.startsWith(`Object "${END}" `)).join("\n");
}
