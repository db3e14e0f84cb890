/**
 * In-process queues per key. Uniqueness never depends on them (transactions see to that); they keep
 * requests of one daemon from colliding in transactions that then have to be decided again, and
 * keep the kernel work on one object in order.
 *
 * @module
 */

/** Runs actions on one key one after the other. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<unknown>>();

  /** Runs `action` when all earlier actions of the same key are done. */
  async run<T>(key: string, action: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const mine = before.then(action, action);
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

  /** Runs `action` holding several keys, taken in sorted order so that two callers can't deadlock. */
  runAll<T>(keys: string[], action: () => Promise<T>): Promise<T> {
    const [first, ...rest] = [...new Set(keys)].sort();
    if (first === undefined) return action();
    return this.run(first, () => this.runAll(rest, action));
  }
}
