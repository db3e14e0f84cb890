/**
 * What plugins that weren't there still have to be told, and one thing at a time per object.
 *
 * @module
 */
import type { CallOptions } from "./plugin/plugin.ts";

/** A step that is still to be done; it adds itself again where it fails again. */
export type Debt = (options: CallOptions) => Promise<void>;

/** Debts kept; beyond, the oldest is dropped, and the plugin keeps an endpoint too many. */
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

  /** Nothing is owed any more: the object is there again. */
  settle(id: string): void {
    this.#debts.delete(id);
  }

  /** Does what is owed for an object, if anything. */
  pay(id: string, options: CallOptions): Promise<void> {
    return this.serial(id, async () => {
      const debt = this.#debts.get(id);
      this.#debts.delete(id);
      await debt?.(options);
    });
  }

  /** Runs one action after the other for the same object. */
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
