/**
 * Calls that unreachable plugins are still to get, and a queue per object.
 *
 * @module
 */
import type { CallOptions } from "./plugin/plugin.ts";

/** A call that is still to be made; it adds itself again when it fails again. */
export type Debt = (options: CallOptions) => Promise<void>;

/** Debts kept; beyond that the oldest is dropped, and the plugin keeps a stale endpoint. */
const MAX_DEBTS = 4096;

/** Debts by id of the endpoint or network. */
export class Owed {
  readonly #debts = new Map<string, Debt>();
  readonly #last = new Map<string, Promise<unknown>>();

  ids(): string[] {
    return [...this.#debts.keys()];
  }

  add(id: string, debt: Debt): void {
    this.#debts.delete(id);
    this.#debts.set(id, debt);
    if (this.#debts.size > MAX_DEBTS) this.settle(this.#debts.keys().next().value!);
  }

  /** Drops the debts of an object that exists again. */
  settle(id: string): void {
    this.#debts.delete(id);
  }

  /** Makes the pending calls of an object, if any. */
  pay(id: string, options: CallOptions): Promise<void> {
    return this.serial(id, async () => {
      const debt = this.#debts.get(id);
      this.#debts.delete(id);
      await debt?.(options);
    });
  }

  /** Runs the actions on one object one after the other. */
  serial<T>(id: string, action: () => Promise<T>): Promise<T> {
    const turn = (this.#last.get(id) ?? Promise.resolve()).then(action);
    const settled = turn.then(() => {}, () => {});
    this.#last.set(id, settled);
    settled.then(() => {
      if (this.#last.get(id) === settled) this.#last.delete(id);
    });
    return turn;
  }
}
