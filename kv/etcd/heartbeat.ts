/**
 * Notices that a stream has died in silence: TCP alone would notice a lost host after a quarter of an
 * hour. Counts its own ticks instead of time, so that a process that stood still itself doesn't take
 * that for the server's silence.
 *
 * @module
 */

/** Time between two ticks, in milliseconds. */
const TICK_MS = 500;
/** Ticks without a message after which the stream is asked for one. */
const ASK_AFTER = 2;
/** Ticks without a message after which the stream is abandoned. */
const GIVE_UP_AFTER = 6;

export class Heartbeat {
  readonly #timer: number;
  #silent = 0;

  /**
   * @param ask asks the server for a message, once in each silence
   * @param giveUp called once
   */
  constructor(ask: () => void, giveUp: () => void) {
    this.#timer = setInterval(() => {
      this.#silent++;
      if (this.#silent === GIVE_UP_AFTER) {
        this.stop();
        giveUp();
      } else if (this.#silent === ASK_AFTER) ask();
    }, TICK_MS);
  }

  /** A message came. */
  heard(): void {
    this.#silent = 0;
  }

  /** Idempotent. */
  stop(): void {
    clearInterval(this.#timer);
  }
}
