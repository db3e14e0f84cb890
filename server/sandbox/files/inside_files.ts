/**
 * Files inside a container, handled by a helper process that is in the container's mounts and root, as its root's
 * user, and that is killed when it takes too long: whatever a container puts in the place of a file, or under it,
 * harms only the container.
 *
 * @module
 */
import { lines } from "../../../lib/async/lines.ts";
import { Pool } from "../../../lib/async/pool.ts";
import type { ProcessIdentity } from "../../../lib/linux/processes/process_table.ts";
import { startChild } from "../../../lib/linux/processes/child.ts";
import { ownWords } from "../../../lib/linux/processes/self.ts";
import type { Done, FileName, Looks, Order } from "../../inside/files.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";

/** Time limit of a session, in milliseconds: it takes some 50, on a busy machine ten times that. */
const DEADLINE_MS = 3_000;
/** Helpers that run concurrently; further ones wait. */
const MAX_HELPERS = 8;
/**
 * How long a container whose helper timed out gets no further helper, so that it costs no more, in milliseconds.
 */
const SHUNNED_MS = 60_000;
/** Longest line of a helper, in characters: two files of a MiB, with room for JSON. */
const MAX_LINE = 16 * 1024 * 1024;

/** A helper inside a container. */
export class InsideSession {
  readonly looks: Looks;
  readonly #order: (order: Order) => Promise<Done>;

  constructor(looks: Looks, order: (order: Order) => Promise<Done>) {
    this.looks = looks;
    this.#order = order;
  }

  /** Replaces a file's text. @throws {NetsvcError} `kernel` with the reason */
  async write(file: FileName, text: string, make: boolean): Promise<void> {
    const { problem } = await this.#order({ file, text, make });
    if (problem !== undefined) throw new NetsvcError("kernel", problem);
  }
}

/** Runs helpers, each for one session in one container. */
export class InsideFiles {
  readonly #helpers = new Pool(MAX_HELPERS);
  /** Callbacks that end each session early. */
  readonly #ends = new Set<(error: NetsvcError) => void>();
  #closed = false;
  /** Processes whose container was too slow, and the time until which they get no helper. */
  readonly #shunned = new Map<string, number>();

  /**
   * Has a helper read a container's files, and keeps it running for `action`.
   *
   * @throws {NetsvcError} `timeout`; `kernel` when the helper can't enter the container
   */
  async within<T>(
    { pid, start }: ProcessIdentity,
    action: (session: InsideSession) => Promise<T>,
  ): Promise<T> {
    const key = `${pid}/${start}`;
    if ((this.#shunned.get(key) ?? 0) > performance.now()) throw tooLate();
    this.#shunned.delete(key);
    return await this.#helpers.run(async () => {
      if (this.#closed) throw closing();
      return await this.#session(key, ["files", String(pid), start], action);
    });
  }

  async #session<T>(
    key: string,
    words: string[],
    action: (session: InsideSession) => Promise<T>,
  ): Promise<T> {
    // Through sh, which is among the programs that the executable may run.
    const child = startChild("sh", {
      args: ["-c", 'exec "$@"', "netsvc-inside", ...ownWords(), "--inside", ...words],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    });
    // A helper that hangs in the kernel may outlive its session by far: the daemon doesn't wait for it.
    child.unref();
    const complaint = new Response(child.stderr).text().catch(() => "");
    const said = lines(child.stdout, { longest: MAX_LINE, tooLong });
    const writer = child.stdin.getWriter();
    const { promise: deadline, reject: end } = Promise.withResolvers<never>();
    deadline.catch(() => {});
    this.#ends.add(end);
    const timer = setTimeout(() => {
      this.#shun(key);
      end(tooLate());
    }, DEADLINE_MS);
    const answer = async <A>(): Promise<A> => {
      const { done, value } = await Promise.race([said.next(), deadline]);
      if (!done) return JSON.parse(value) as A;
      const text = await Promise.race([complaint, deadline]);
      throw new NetsvcError(
        "kernel",
        text.trim().split("\n").at(-1)?.replace(/^netsvc: /, "") || "The helper has ended",
      );
    };
    try {
      const looks = await answer<Looks>();
      const session = new InsideSession(looks, async (order) => {
        await writer.write(new TextEncoder().encode(`${JSON.stringify(order)}\n`));
        return await answer<Done>();
      });
      return await action(session);
    } finally {
      clearTimeout(timer);
      this.#ends.delete(end);
      try {
        child.kill("SIGKILL");
      } catch {
        // The helper has ended already.
      }
      writer.close().catch(() => {});
      said.return(undefined).catch(() => {});
      child.status.catch(() => {});
    }
  }

  /** Ends all sessions, and rejects further ones. */
  close(): void {
    this.#closed = true;
    for (const end of this.#ends) end(closing());
  }

  #shun(key: string): void {
    const now = performance.now();
    for (const [other, until] of this.#shunned) if (until <= now) this.#shunned.delete(other);
    this.#shunned.set(key, now + SHUNNED_MS);
  }
}

function closing(): NetsvcError {
  return new NetsvcError("unavailable", "The daemon is being stopped");
}

function tooLate(): NetsvcError {
  return new NetsvcError(
    "timeout",
    `it does not answer within ${DEADLINE_MS / 1000} s when its files are opened`,
  );
}

function tooLong(): NetsvcError {
  return new NetsvcError("kernel", "The helper says too much");
}
