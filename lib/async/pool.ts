/**
 * Work with limited concurrency.
 *
 * @module
 */

/** Runs at most so many actions at once; others wait in the order of the calls. */
export class Pool {
  readonly #size: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** Runs an action as soon as there is a place. */
  async run<T>(action: () => Promise<T>): Promise<T> {
    if (this.#running < this.#size) this.#running++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await action();
    } finally {
      // The place goes to the next in line, or is free.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }
}

/** How {@linkcode forEachPooled} goes. */
export interface PooledOptions {
  /** Items at once; 8 unless given. */
  size?: number;
}

/** Runs an action for each item, some at once. @throws the first failure; no item begins after it */
export async function forEachPooled<T>(
  items: Iterable<T>,
  action: (item: T) => Promise<unknown>,
  { size = 8 }: PooledOptions = {},
): Promise<void> {
  const queue = [...items];
  let at = 0;
  const worker = async () => {
    while (at < queue.length) {
      try {
        await action(queue[at++]!);
      } catch (error) {
        at = queue.length;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(size, queue.length) }, worker));
}
