/**
 * Shares a bounded number of concurrent operations fairly: each asker gets as many as it likes while there is room;
 * when there isn't, all that want some get equal shares. Waiting askers are served round-robin, one operation each.
 * Pure but for its timers.
 *
 * @module
 */

/** Bounds of {@linkcode Turns}. */
export interface TurnBounds {
  /**
   * Concurrent operations of all askers from which on all get equal shares; as many again are for askers with less
   * than theirs, and `least` for each asker in any case.
   */
  total: number;
  /** Concurrent operations of one asker: its maximum, and its minimum regardless of how many others there are. */
  most: number;
  least: number;
  /** Waiting operations of one asker. */
  waiting: number;
  /** How long an operation waits, in milliseconds. */
  patience: number;
}

interface Asker {
  underWay: number;
  waiting: Set<(turn: Disposable | undefined) => void>;
}

/** The turns of all askers, which are told apart by identity. */
export class Turns {
  readonly #bounds: TurnBounds;
  /** Askers with operations in progress or waiting. */
  readonly #askers = new Map<unknown, Asker>();
  /** Askers with waiting operations, in the order in which they are served. */
  readonly #waiting = new Map<unknown, Asker>();
  #underWay = 0;

  constructor(bounds: TurnBounds) {
    this.#bounds = bounds;
  }

  /** Number of turns in progress. */
  get size(): number {
    return this.#underWay;
  }

  /** A turn, which ends when it is disposed of; `undefined` when there is no room, or none in time. */
  take(key: unknown): Disposable | Promise<Disposable | undefined> | undefined {
    let asker = this.#askers.get(key);
    if (!asker) this.#askers.set(key, asker = { underWay: 0, waiting: new Set() });
    if (asker.waiting.size === 0 && this.#has(asker)) return this.#begin(key, asker);
    if (asker.waiting.size >= this.#bounds.waiting) return undefined;
    const { promise, resolve } = Promise.withResolvers<Disposable | undefined>();
    const waiter = (turn: Disposable | undefined) => {
      clearTimeout(timer);
      asker.waiting.delete(waiter);
      if (asker.waiting.size === 0) this.#waiting.delete(key);
      resolve(turn);
    };
    const timer = setTimeout(() => {
      waiter(undefined);
      this.#forget(key, asker);
    }, this.#bounds.patience);
    asker.waiting.add(waiter);
    this.#waiting.set(key, asker);
    return promise;
  }

  /** Whether an asker may start another operation. */
  #has({ underWay }: Asker): boolean {
    const { total, most, least } = this.#bounds;
    if (underWay < least) return true;
    return this.#underWay < 2 * total &&
      underWay < Math.min(most, Math.floor(total / this.#askers.size));
  }

  #begin(key: unknown, asker: Asker): Disposable {
    asker.underWay++;
    this.#underWay++;
    let over = false;
    return {
      [Symbol.dispose]: () => {
        if (over) return;
        over = true;
        asker.underWay--;
        this.#underWay--;
        this.#forget(key, asker);
        this.#serve();
      },
    };
  }

  #forget(key: unknown, asker: Asker): void {
    if (asker.underWay > 0 || asker.waiting.size > 0) return;
    if (this.#askers.get(key) === asker) this.#askers.delete(key);
  }

  /** Serves waiting askers as far as there is room; an asker that was served goes to the end of the queue. */
  #serve(): void {
    for (const [key, asker] of this.#waiting) {
      if (!this.#has(asker)) continue;
      const [waiter] = asker.waiting;
      this.#waiting.delete(key);
      if (asker.waiting.size > 1) this.#waiting.set(key, asker);
      waiter!(this.#begin(key, asker));
    }
  }
}
