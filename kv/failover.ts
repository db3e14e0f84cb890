/**
 * Stores of several servers: a store uses one until it fails, then the next.
 *
 * @module
 */

/** Attempts end so many milliseconds before a call's time is over. */
const MARGIN_MS = 100;

/** The servers of a store. */
export class Ring<E> {
  #all: readonly E[];
  #current: number;

  /** Begins anywhere, so that many clients don't all use the first. */
  constructor(all: readonly E[]) {
    this.#all = all;
    this.#current = Math.floor(Math.random() * all.length);
  }

  get all(): readonly E[] {
    return this.#all;
  }

  /** Other servers from now on; the one in use stays so where it is among them. */
  replace(all: readonly E[]): void {
    const at = all.indexOf(this.current);
    this.#all = all;
    this.#current = at >= 0 ? at : Math.floor(Math.random() * all.length);
  }

  /** The server in use. */
  get current(): E {
    return this.all[this.#current]!;
  }

  /** Switches to the next server, unless another call has done so since. */
  leave(server: E): void {
    if (server === this.current) this.#current = (this.#current + 1) % this.all.length;
  }
}

/** The attempts of one call. */
export class Attempts {
  readonly #servers: number;
  readonly #end: number;
  #begun = 0;

  /** @param ms that all of them take together at most */
  constructor(servers: number, ms: number) {
    this.#servers = servers;
    this.#end = performance.now() + ms;
  }

  /** Begins an attempt. */
  begin(): void {
    this.#begun++;
  }

  /** Doesn't count the last attempt: it failed for a reason of its own, such as an old login. */
  forgive(): void {
    this.#begun--;
  }

  /**
   * Whether all servers have been tried. One attempt more than there are servers is allowed, since a
   * connection may have been cut since its last use.
   */
  get last(): boolean {
    return this.#begun > this.#servers;
  }

  /** Whether the current attempt is the first. */
  get first(): boolean {
    return this.#begun === 1;
  }

  /** Deadline of all attempts, of `performance.now()`. */
  get end(): number {
    return this.#end;
  }

  /** Time that is left, in milliseconds. */
  get left(): number {
    return this.#end - performance.now();
  }

  /** Whether there is time for another. */
  get inTime(): boolean {
    return this.left > MARGIN_MS;
  }
}
