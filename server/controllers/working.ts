/**
 * What this process works on, for those who look at all objects of the host: they pass over what is
 * about to change anyway, and wait for nobody who waits for a plugin.
 *
 * @module
 */

/** Ids of containers and services. */
export class Working {
  readonly #counts = new Map<string, number>();

  /** Whether somebody works on an object, or is in line to. */
  has(id: string): boolean {
    return this.#counts.has(id);
  }

  /** Does something about an object. */
  async during<T>(id: string, action: () => Promise<T>): Promise<T> {
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
    try {
      return await action();
    } finally {
      const left = this.#counts.get(id)! - 1;
      if (left > 0) this.#counts.set(id, left);
      else this.#counts.delete(id);
    }
  }
}
