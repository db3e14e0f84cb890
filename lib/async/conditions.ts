/**
 * Waits until conditions hold: they are checked after every change.
 *
 * @module
 */
import { deadline } from "./deadline.ts";

interface Waiting {
  check: () => boolean;
  done: () => void;
}

/** Pending conditions. */
export class Conditions {
  readonly #waiting = new Set<Waiting>();

  /** Waits until a condition holds; at once where it does. @param ms at most; then `error` is thrown */
  async until(
    check: () => boolean,
    { ms, error }: { ms: number; error: () => Error },
  ): Promise<void> {
    if (check()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = { check, done: resolve };
    this.#waiting.add(waiting);
    try {
      await deadline(promise, ms, { error });
    } finally {
      this.#waiting.delete(waiting);
    }
  }

  /** Checks all pending conditions, after a change. */
  look(): void {
    for (const { check, done } of this.#waiting) if (check()) done();
  }
}
