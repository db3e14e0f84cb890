/**
 * A lock for shared and exclusive work.
 *
 * @module
 */

/** A shared/exclusive lock. Callers get it in the order of their requests, so neither kind starves the other. */
export class ReadWriteLock {
  /** Shared actions under way or in line, as promises that don't fail. */
  readonly #shared = new Set<Promise<unknown>>();
  /** The exclusive action that was requested last. */
  #exclusive: Promise<unknown> = Promise.resolve();

  /** Runs an action concurrently with other shared ones. */
  async shared<T>(action: () => Promise<T>): Promise<T> {
    const mine = this.#exclusive.then(action);
    const entry = mine.catch(() => {});
    this.#shared.add(entry);
    try {
      return await mine;
    } finally {
      this.#shared.delete(entry);
    }
  }

  /** Runs an action alone. */
  exclusive<T>(action: () => Promise<T>): Promise<T> {
    const mine = Promise.all([this.#exclusive, ...this.#shared]).then(action);
    this.#exclusive = mine.catch(() => {});
    return mine;
  }
}
