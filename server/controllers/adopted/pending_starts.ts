/**
 * Containers that are about to be started: what is done as soon as they are, and how that went.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";

/** Who expects a container starts it, and asks how it went, within this time, in milliseconds. */
const EXPECTED_MS = 60_000;
/** One that runs is seen within this time, in milliseconds; what is done then may take longer. */
const SEEN_MS = 50;
/** Containers that are waited for at once. */
const MAX_EXPECTED = 64;

/** `missed`: it has come unseen. */
export type Outcome = "joined" | "missed";

interface Waiting {
  abort: AbortController;
  timer: number;
  joined: Promise<Outcome>;
}

/** See the module. */
export class Expected {
  readonly #waiting = new Map<string, Waiting>();

  /**
   * Begins to wait for a container.
   *
   * @param join waits for it, until the signal at most
   * @throws {NetsvcError} `unavailable` when too many are waited for
   */
  add(id: string, join: (signal: AbortSignal) => Promise<Outcome>): void {
    this.#end(id);
    if (this.#waiting.size >= MAX_EXPECTED) {
      throw new NetsvcError(
        "unavailable",
        `${MAX_EXPECTED} containers are waited for already; try again`,
      );
    }
    const abort = new AbortController();
    const joined = join(abort.signal);
    joined.catch(() => {}); // Whoever asks hears of it.
    this.#waiting.set(id, { abort, joined, timer: setTimeout(() => this.#end(id), EXPECTED_MS) });
  }

  /** How it went; `undefined` when it wasn't expected. @throws what joining it threw */
  async outcome(id: string): Promise<Outcome | undefined> {
    const waiting = this.#waiting.get(id);
    if (!waiting) return undefined;
    try {
      // It has been started: who isn't seen by now won't be.
      const seen = setTimeout(() => waiting.abort.abort(), SEEN_MS);
      return await waiting.joined.finally(() => clearTimeout(seen));
    } finally {
      this.#end(id);
    }
  }

  #end(id: string): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    clearTimeout(waiting.timer);
    waiting.abort.abort();
    this.#waiting.delete(id);
  }

  /** Waits for none any more. */
  async close(): Promise<void> {
    const joins = [...this.#waiting.values()].map(({ joined }) => joined.catch(() => {}));
    for (const id of [...this.#waiting.keys()]) this.#end(id);
    await Promise.all(joins);
  }
}
