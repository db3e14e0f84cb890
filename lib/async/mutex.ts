/**
 * Work that must not overlap.
 *
 * @module
 */

/** Runs actions one after the other, in the order of the calls. */
export class Mutex {
  #tail: Promise<unknown> = Promise.resolve();

  /** Runs an action when all before it have settled. */
  run<T>(action: () => Promise<T>): Promise<T> {
    const mine = this.#tail.then(action);
    this.#tail = mine.catch(() => {});
    return mine;
  }

  /** Resolves when all that are in line now have ended. */
  async idle(): Promise<void> {
    await this.#tail;
  }
}
