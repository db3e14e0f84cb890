/**
 * The objects that this process works on, for callers that look at all objects of the host: they skip what is about
 * to change anyway, and don't wait behind work that waits for a plugin.
 *
 * @module
 */

/** Ids of containers and services. */
export class Working {
  readonly #counts = new Map<string, number>();

  /** Whether work on an object is under way or queued. */
  has(id: string): boolean {
    return this.#counts.has(id);
  }

  /** Runs an action on an object, which counts as worked on meanwhile. */
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
