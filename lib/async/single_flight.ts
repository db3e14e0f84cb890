/**
 * Background work that is not started twice at a time.
 *
 * @module
 */

/** Runs actions in the background, at most one of a key at a time. */
export class SingleFlight {
  readonly #running = new Map<string, Promise<void>>();
  readonly #onError: (key: string, error: unknown) => void;

  /** @param onError called with the error of each failed action, as no caller awaits it */
  constructor(onError: (key: string, error: unknown) => void) {
    this.#onError = onError;
  }

  /** Begins an action, unless one of its key is still under way. */
  run(key: string, action: () => Promise<void>): void {
    if (this.#running.has(key)) return;
    const done = action().catch((error) => this.#onError(key, error))
      .finally(() => this.#running.delete(key));
    this.#running.set(key, done);
  }

  /** Resolves when all actions under way have ended. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }
}
