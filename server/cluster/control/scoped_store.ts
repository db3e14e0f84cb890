/**
 * A part of a store, whose keys begin alike. Pure.
 *
 * @module
 */
import type { Entry, Store, Transaction } from "../../../kv/store.ts";

/** What most need of a store. */
export type Reads = Pick<Store, "get" | "list" | "commit">;

/** A transaction on a part of a store, as one on the whole. */
export function scoped(prefix: string, { checks = [], puts = [], deletes = [] }: Transaction) {
  return {
    checks: checks.map((check) => ({ ...check, key: prefix + check.key })),
    puts: puts.map((put) => ({ ...put, key: prefix + put.key })),
    deletes: deletes.map((key) => prefix + key),
  };
}

/** The part of a store whose keys begin with `prefix`, which they have no more. */
export class ScopedStore implements Reads {
  readonly #store: Reads;
  readonly #prefix: string;

  constructor(store: Reads, prefix: string) {
    this.#store = store;
    this.#prefix = prefix;
  }

  async get(key: string): Promise<Entry | undefined> {
    const entry = await this.#store.get(this.#prefix + key);
    return entry && this.#inside(entry);
  }

  async list(prefix: string): Promise<Entry[]> {
    return (await this.#store.list(this.#prefix + prefix)).map((entry) => this.#inside(entry));
  }

  async commit(transaction: Transaction) {
    const outcome = await this.#store.commit(scoped(this.#prefix, transaction));
    return outcome.ok ? outcome : { ...outcome, failed: outcome.failed.slice(this.#prefix.length) };
  }

  #inside(entry: Entry): Entry {
    return { ...entry, key: entry.key.slice(this.#prefix.length) };
  }
}
