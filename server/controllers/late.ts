/**
 * Services whose publishing was given up without the store's answer. It may have happened all the same: then
 * they are seen when the store is back, and are ended.
 *
 * @module
 */
import type { State } from "../state/state.ts";
import { NetsvcError } from "../wire/errors.ts";

/** Services that are remembered; beyond it the first ones are forgotten. */
const MAX_REMEMBERED = 1000;

/** Remembers them by their ids, with the containers that they were for. */
export class LateServices {
  readonly #containers = new Map<string, string>();

  /** @param end called with one that has come late */
  constructor(state: State, end: (service: string, container: string) => void) {
    state.subscribe((changes) => {
      for (const { type, id, after } of changes) {
        const container = type === "service" && after ? this.#containers.get(id) : undefined;
        if (container === undefined) continue;
        this.#containers.delete(id);
        end(id, container);
      }
    });
  }

  /** Remembers one, where an error leaves it open whether the store has it. */
  note(service: string, container: string, error: unknown): void {
    const open = error instanceof NetsvcError && ["timeout", "unavailable"].includes(error.code);
    if (!open) return;
    if (this.#containers.size >= MAX_REMEMBERED) {
      this.#containers.delete(this.#containers.keys().next().value!);
    }
    this.#containers.set(service, container);
  }
}
