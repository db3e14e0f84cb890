/**
 * Rounds again and again, never two at once: what looks at the cluster's voters does it so.
 *
 * @module
 */

/** The rounds of one who looks. */
export class Rounds implements AsyncDisposable {
  readonly #round: () => Promise<void>;
  readonly #pause: number;
  #timer: number | undefined;
  #running: Promise<void> | undefined;
  #closed = false;

  /**
   * @param round never fails
   * @param pause between two, in milliseconds
   */
  constructor(round: () => Promise<void>, pause: number) {
    this.#round = round;
    this.#pause = pause;
  }

  /** Whether they are ended, or about to be. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Runs them from now on, the first after a pause. */
  begin(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    // The daemons of a cluster aren't to keep step.
    const pause = this.#pause * (0.75 + Math.random() / 2);
    this.#timer = setTimeout(() => void this.run().finally(() => this.begin()), pause);
  }

  /** Runs them from now on, the first at once. */
  beginAtOnce(): void {
    if (!this.#closed) void this.run().finally(() => this.begin());
  }

  /** Runs one now, or waits for the one that runs. */
  run(): Promise<void> {
    return this.#running ??= this.#round().finally(() => this.#running = undefined);
  }

  /** Begins none any more, and waits for the one that runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#running;
  }
}
