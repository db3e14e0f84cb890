/**
 * Lets many changes of the kernel run side by side, and the reconciler alone: what it compares must
 * not move under its eyes, or it would take a link just made for a leftover.
 *
 * @module
 */

/** A shared/exclusive lock; those who came first go first. */
export class Gate {
  #shared = new Set<Promise<unknown>>();
  #exclusive: Promise<unknown> = Promise.resolve();

  /** Runs `action` beside others of its kind. */
  async shared<T>(action: () => Promise<T>): Promise<T> {
    // Another one may have come in line while this one waited.
    let awaited: Promise<unknown> | undefined;
    while (awaited !== this.#exclusive) {
      awaited = this.#exclusive;
      await awaited;
    }
    const running = action();
    const entry = running.catch(() => {});
    this.#shared.add(entry);
    try {
      return await running;
    } finally {
      this.#shared.delete(entry);
    }
  }

  /** Runs `action` alone. */
  exclusive<T>(action: () => Promise<T>): Promise<T> {
    const before = this.#exclusive;
    const mine = (async () => {
      await before;
      await Promise.all([...this.#shared]);
      return await action();
    })();
    this.#exclusive = mine.catch(() => {});
    return mine;
  }
}
