/**
 * Work that nobody waits for, in lanes: what is slow in one lane holds up no other.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorChain } from "../api/errors.ts";

const log = getLogger(["netsvc", "lanes"]);

/** Lanes by name. */
export class Lanes {
  readonly #running = new Map<string, Promise<void>>();

  /** Begins an action, unless one of its lane is still under way; what fails is logged. */
  run(lane: string, action: () => Promise<void>): void {
    if (this.#running.has(lane)) return;
    const done = action().catch((error) =>
      log.warn("{lane}: {cause}", { lane, cause: errorChain(error).join(": ") })
    ).finally(() => this.#running.delete(lane));
    this.#running.set(lane, done);
  }

  /** Resolves when all that was begun has ended. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }
}
