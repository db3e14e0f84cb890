/**
 * Something that happens again and again, for those who want to know.
 *
 * @module
 */

/** Tells subscribers of values. */
export class Signal<T = void> {
  readonly #listeners = new Set<(value: T) => void>();

  /** Calls `listener` with all that is emitted from now on; returns what ends that. */
  subscribe(listener: (value: T) => void): () => void {
    // A listener that is given twice is called twice.
    const own = (value: T) => listener(value);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Tells all who have subscribed, in their order, before it returns. */
  emit(value: T): void {
    for (const listener of [...this.#listeners]) listener(value);
  }
}
