/**
 * Who may have how much of something under way at once: each as much as he likes while there is room,
 * and when there isn't, all of those who want some the same. Who has to wait is taken up in turn, one
 * of each. Pure but for the time that it waits.
 *
 * @module
 */

/** Bounds of {@linkcode Turns}. */
export interface TurnBounds {
  /**
   * Under way at once, of all, from where on all get the same; as much again is for those who have less
   * than that, and `least` for each in any case.
   */
  total: number;
  /** Under way at once, of one asker: at most, and however many others there are. */
  most: number;
  least: number;
  /** Waiting, of one asker. */
  waiting: number;
  /** How long one waits, in milliseconds. */
  patience: number;
}

interface Asker {
  underWay: number;
  waiting: Set<(turn: Disposable | undefined) => void>;
}

/** Turns of askers, told apart by identity. */
export class Turns {
  readonly #bounds: TurnBounds;
  /** Those who have something under way or waiting. */
  readonly #askers = new Map<unknown, Asker>();
  /** Those who have something waiting, in the order in which they are served. */
  readonly #waiting = new Map<unknown, Asker>();
  #underWay = 0;

  constructor(bounds: TurnBounds) {
    this.#bounds = bounds;
  }

  /** Number of turns taken. */
  get size(): number {
    return this.#underWay;
  }

  /** A turn, over when it is disposed of; `undefined` when there is none, and none in time. */
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

  /** Whether an asker has room for one more. */
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

  /** Those who wait, as far as there is room; who was served comes last from then on. */
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
