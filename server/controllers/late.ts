/**
 * What was given up without the store's answer. It may have been done all the same: then it is seen when the
 * store is back, and is taken back.
 *
 * @module
 */
import type { State, StateChange } from "../state/state.ts";
import { NetsvcError } from "../wire/errors.ts";

/** Objects that are remembered; beyond it the first ones are forgotten. */
const MAX_REMEMBERED = 1000;

/** Remembers objects of one kind by their ids, with what is needed to take them back. */
export class Late<T> {
  readonly #remembered = new Map<string, T>();

  /** @param takeBack called with one that has come late */
  constructor(state: State, kind: StateChange["type"], takeBack: (id: string, what: T) => void) {
    state.subscribe((changes) => {
      for (const { type, id, after } of changes) {
        if (type !== kind || !after || !this.#remembered.has(id)) continue;
        const what = this.#remembered.get(id)!;
        this.#remembered.delete(id);
        takeBack(id, what);
      }
    });
  }

  /** Remembers one, where an error leaves it open whether the store has it. */
  note(id: string, what: T, error: unknown): void {
    const open = error instanceof NetsvcError && ["timeout", "unavailable"].includes(error.code);
    if (!open) return;
    if (this.#remembered.size >= MAX_REMEMBERED) {
      this.#remembered.delete(this.#remembered.keys().next().value!);
    }
    this.#remembered.set(id, what);
  }
}
