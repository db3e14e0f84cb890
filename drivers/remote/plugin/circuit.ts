/**
 * Remembers that a plugin is dead, so that nobody waits for it again and again: after a failure all
 * calls fail at once until a while is over, then one may try. The while doubles with each failure.
 * Pure, apart from the clock it is given.
 *
 * @module
 */

/** First and longest while, in milliseconds. */
const FIRST_MS = 1_000, LONGEST_MS = 30_000;

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

  /** Whether the last that was heard of the plugin is a failure. */
  get broken(): boolean {
    return this.#cause !== undefined;
  }

  /** Lets a call pass. @throws the failure that is remembered */
  enter(): void {
    if (!this.#cause) return;
    if (this.#now() < this.#until) throw this.#cause;
    // This one tries; the next in line waits for what it finds.
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
