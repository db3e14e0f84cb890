/**
 * Remembers that a plugin is dead, so that callers don't wait for it again and again: after a failure all calls
 * fail at once until a pause is over, then one call may try. The pause doubles with each failure. Pure, apart from
 * the clock it is given.
 *
 * @module
 */

/** First pause, in milliseconds. */
const FIRST_MS = 1_000;
/** Longest pause, in milliseconds. */
const LONGEST_MS = 30_000;

/** A circuit breaker. */
export class Circuit {
  readonly #now: () => number;
  #cause: Error | undefined;
  #until = 0;
  #whileMs = 0;

  /** @param now a clock in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether the last call of the plugin failed. */
  get broken(): boolean {
    return this.#cause !== undefined;
  }

  /** Lets a call pass. @throws the failure that is remembered */
  enter(): void {
    if (!this.#cause) return;
    if (this.#now() < this.#until) throw this.#cause;
    // This call tries; the next ones wait for its result.
    this.#until = this.#now() + this.#whileMs;
  }

  /** The plugin answered. */
  close(): void {
    this.#cause = undefined;
    this.#whileMs = 0;
  }

  /** The plugin failed. */
  open(cause: Error): void {
    this.#cause = cause;
    this.#whileMs = Math.min(LONGEST_MS, this.#whileMs * 2 || FIRST_MS);
    this.#until = this.#now() + this.#whileMs;
  }
}
