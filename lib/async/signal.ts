/**
 * A synchronous publisher of values to subscribers.
 *
 * @module
 */

/** Calls all subscribers with each value. */
export class Signal<T = void> {
  readonly #listeners = new Set<(value: T) => void>();

  /** Calls `listener` with every value from now on. @returns a function that ends the subscription */
  subscribe(listener: (value: T) => void): () => void {
    // A listener that is given twice is called twice.
    const own = (value: T) => listener(value);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Calls all subscribers, in the order of their subscription, before it returns. */
  emit(value: T): void {
    for (const listener of [...this.#listeners]) listener(value);
  }
}
