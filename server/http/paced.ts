/**
 * Requests that come at once begin a few in each turn of the event loop: none of thousands holds up the others, or the
 * names, for longer than those few take.
 *
 * @module
 */
/** Requests that begin in one turn: what a request does before its first wait takes up to a millisecond. */
const PER_TURN = 8;

type Handler = (request: Request) => Response | Promise<Response>;

/** Lets so many through in a turn. */
export class PerTurn {
  readonly #most: number;
  readonly #elsewhere: () => Promise<unknown>;
  readonly #waiting: (() => void)[] = [];
  #begun = 0;
  #turning = false;

  /**
   * @param most that begin in one turn
   * @param elsewhere does next to nothing, on another thread: while there is always work to do, Deno's runtime polls
   * sockets only every 61 rounds; for a moment there must be none
   */
  constructor(most: number, elsewhere: () => Promise<unknown>) {
    this.#most = most;
    this.#elsewhere = elsewhere;
  }

  /** Number of those that wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Waits for a turn with room; not at all while this one has. */
  async next(): Promise<void> {
    this.#turn();
    if (this.#waiting.length === 0 && this.#begun < this.#most) {
      this.#begun++;
      return;
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #turn(): void {
    if (this.#turning) return;
    this.#turning = true;
    this.#elsewhere().catch(() => {}).finally(() => {
      this.#turning = false;
      this.#begun = 0;
      if (this.#waiting.length === 0) return;
      for (const begin of this.#waiting.splice(0, this.#most)) {
        this.#begun++;
        begin();
      }
      this.#turn();
    });
  }
}

/** Turns of the requests of a daemon. @param elsewhere see {@linkcode PerTurn} */
export function requestTurns(elsewhere: () => Promise<unknown>): PerTurn {
  return new PerTurn(PER_TURN, elsewhere);
}

/** Lets requests begin in turn. Who only asks whether the daemon is well isn't kept waiting. */
export function paced(turns: PerTurn, handler: Handler): Handler {
  return async (request) => {
    if (!request.url.endsWith("/healthz")) await turns.next();
    return await handler(request);
  };
}
