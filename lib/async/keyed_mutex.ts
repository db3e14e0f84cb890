/**
 * Work on one of many objects that must not overlap.
 *
 * @module
 */

/** Runs actions of one key one after the other, in the order of the calls. */
export class KeyedMutex {
  readonly #tails = new Map<string, Promise<unknown>>();

  /** Runs an action when all earlier ones of its key have settled. */
  async run<T>(key: string, action: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const mine = before.then(action);
    const tail = mine.catch(() => {});
    this.#tails.set(key, tail);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }

  /** Whether an action of a key is under way or in line. */
  busy(key: string): boolean {
    return this.#tails.has(key);
  }

  /** Resolves when all actions of a key (of all keys unless given) that are in line now have ended. */
  async idle(key?: string): Promise<void> {
    if (key === undefined) await Promise.all(this.#tails.values());
    else await this.#tails.get(key);
  }
}
