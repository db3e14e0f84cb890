/**
 * How much of the event loop a sandbox gets in a row: what it asks for beyond that waits until all that is
 * ready elsewhere, the API among it, has had its turn.
 *
 * Where there is always something to do, Deno's runtime looks for what has come in on other sockets only
 * every 61 rounds (tokio's `event_interval`). So whoever has had his share waits together with all others
 * of his kind, for a thread: then there is nothing to do for a moment, and the runtime looks.
 *
 * @module
 */
import { setImmediate } from "node:timers";

/** In a row, in milliseconds. */
const ROW_MS = 2;

/** The event loop, shared by all sandboxes. */
export class SharedLoop {
  readonly #elsewhere: () => Promise<unknown>;
  #rest: Promise<void> | undefined;
  #row = 0;

  /** @param elsewhere does as good as nothing, on another thread */
  constructor(elsewhere: () => Promise<unknown>) {
    this.#elsewhere = elsewhere;
  }

  /** Number of the row that all are in. */
  get row(): number {
    return this.#row;
  }

  /** Until all others have had their turn. */
  rest(): Promise<void> {
    return this.#rest ??= new Promise((resolve) =>
      // Behind all that is ready now.
      setImmediate(() =>
        this.#elsewhere().finally(() => {
          this.#row++;
          this.#rest = undefined;
          resolve();
        })
      )
    );
  }
}

/** The share of one sandbox. */
export class Pace {
  readonly #loop: SharedLoop;
  #row = 0;
  #used = 0;

  constructor(loop: SharedLoop) {
    this.#loop = loop;
  }

  /** Waits for as many rows as it has used up; at once where there is some of this one left. */
  async ready(): Promise<void> {
    while (this.spent) await this.#loop.rest();
  }

  /** Whether {@linkcode ready} would wait. */
  get spent(): boolean {
    if (this.#used < ROW_MS) return false;
    const { row } = this.#loop;
    this.#used = Math.max(0, this.#used - (row - this.#row) * ROW_MS);
    this.#row = row;
    return this.#used >= ROW_MS;
  }

  /** Does some work, which counts. */
  run<T>(work: () => T): T {
    const begun = performance.now();
    try {
      return work();
    } finally {
      this.charge(performance.now() - begun);
    }
  }

  /** Counts work that others do for it, in milliseconds. */
  charge(ms: number): void {
    if (this.#used === 0) this.#row = this.#loop.row;
    this.#used += ms;
  }
}
