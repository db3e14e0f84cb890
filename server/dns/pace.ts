/**
 * How much of the event loop a sandbox gets at a stretch: its work beyond that waits until everything that is ready
 * elsewhere, the API among it, has had its turn.
 *
 * While there is always work to do, Deno's runtime polls other sockets only every 61 rounds (tokio's
 * `event_interval`). So all sandboxes that have used up their share wait together for an action on another thread:
 * then the event loop is idle for a moment, and the runtime polls.
 *
 * @module
 */
import { setImmediate } from "node:timers";

/** The share of a sandbox at a stretch, in milliseconds. */
const ROW_MS = 2;

/** The event loop, shared by all sandboxes. */
export class SharedLoop {
  readonly #elsewhere: () => Promise<unknown>;
  #rest: Promise<void> | undefined;
  #row = 0;

  /** @param elsewhere does next to nothing, on another thread */
  constructor(elsewhere: () => Promise<unknown>) {
    this.#elsewhere = elsewhere;
  }

  /** Number of the current stretch, the same for all sandboxes. */
  get row(): number {
    return this.#row;
  }

  /** Waits until all other work has had its turn. */
  rest(): Promise<void> {
    return this.#rest ??= new Promise((resolve) =>
      // Queue behind everything that is ready now.
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

  /** Waits for as many stretches as the sandbox has used up; returns at once while its share lasts. */
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

  /** Runs some work and charges its time. */
  run<T>(work: () => T): T {
    const begun = performance.now();
    try {
      return work();
    } finally {
      this.charge(performance.now() - begun);
    }
  }

  /** Charges work that others did for the sandbox, in milliseconds. */
  charge(ms: number): void {
    if (this.#used === 0) this.#row = this.#loop.row;
    this.#used += ms;
  }
}
