/**
 * What was given up without the store's answer. It may have been done all the same: then it is seen when the
 * store is back, and is taken back.
 *
 * @module
 */
import type { State, StateChange } from "./state.ts";
import { errorChain, isAway } from "../../lib/api/errors.ts";
import { log } from "../controllers/context.ts";

/** Objects that are remembered; beyond it the first ones are forgotten. */
const MAX_REMEMBERED = 1000;
/** How often it is tried to take one back, and the pause between, in milliseconds. */
const MAX_TRIES = 120, PAUSE_MS = 500;

/** Remembers objects of one kind by their ids, with what is needed to take them back. */
export class Late<T> {
  readonly #remembered = new Map<string, T>();

  /** @param takeBack called with one that has come late, and again where the store isn't well yet */
  constructor(
    state: State,
    kind: StateChange["type"],
    takeBack: (id: string, what: T) => Promise<void>,
  ) {
    state.subscribe((changes) => {
      for (const { type, id, after } of changes) {
        if (type !== kind || !after || !this.#remembered.has(id)) continue;
        const what = this.#remembered.get(id)!;
        this.#remembered.delete(id);
        void patiently(() => takeBack(id, what));
      }
    });
  }

  /** Remembers one, where an error leaves it open whether the store has it. */
  note(id: string, what: T, error: unknown): void {
    if (!isAway(error)) return;
    if (this.#remembered.size >= MAX_REMEMBERED) {
      this.#remembered.delete(this.#remembered.keys().next().value!);
    }
    this.#remembered.set(id, what);
  }
}

/** Does something as soon as the store lets it: what is seen of it comes before it takes changes. */
async function patiently(action: () => Promise<void>): Promise<void> {
  for (let left = MAX_TRIES;; left--) {
    try {
      return await action();
    } catch (error) {
      if (!isAway(error) || left <= 1) {
        return log.warn("Cannot take back what came late: {cause}", {
          cause: errorChain(error).join(": "),
        });
      }
    }
    await new Promise((resolve) => Deno.unrefTimer(setTimeout(resolve, PAUSE_MS)));
  }
}
