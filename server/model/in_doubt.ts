/**
 * Commits whose outcome is in doubt: the store's answer was lost, so the change may have been made. If it was, it
 * appears when the store answers again, and is rolled back.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { State, StateChange } from "./state.ts";
import { errorChain, isAway } from "../../lib/api/errors.ts";

const log = getLogger(["netsvc", "controllers"]);

/** Remembered objects at most; the oldest are forgotten first. */
const MAX_REMEMBERED = 1000;
/** Attempts to roll back an object. */
const MAX_TRIES = 120;
/** Pause between two attempts, in milliseconds. */
const PAUSE_MS = 500;

/** Remembers objects of one kind by their ids, with what is needed to roll them back. */
export class InDoubt<T> {
  readonly #remembered = new Map<string, T>();

  /** @param rollBack called with an object whose commit did happen, and again while the store is away */
  constructor(
    state: State,
    kind: StateChange["type"],
    rollBack: (id: string, what: T) => Promise<void>,
  ) {
    state.subscribe((changes) => {
      for (const { type, id, after } of changes) {
        if (type !== kind || !after || !this.#remembered.has(id)) continue;
        const what = this.#remembered.get(id)!;
        this.#remembered.delete(id);
        void patiently(() => rollBack(id, what));
      }
    });
  }

  /** Remembers an object, if an error leaves open whether the store has it. */
  note(id: string, what: T, error: unknown): void {
    if (!isAway(error)) return;
    if (this.#remembered.size >= MAX_REMEMBERED) {
      this.#remembered.delete(this.#remembered.keys().next().value!);
    }
    this.#remembered.set(id, what);
  }
}

/** Retries while the store is away: its changes become visible before it takes new ones. */
async function patiently(action: () => Promise<void>): Promise<void> {
  for (let left = MAX_TRIES;; left--) {
    try {
      return await action();
    } catch (error) {
      if (!isAway(error) || left <= 1) {
        return log.warn("Cannot roll back a change that was in doubt: {cause}", {
          cause: errorChain(error).join(": "),
        });
      }
    }
    await new Promise((resolve) => Deno.unrefTimer(setTimeout(resolve, PAUSE_MS)));
  }
}
