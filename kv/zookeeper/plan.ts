/**
 * Makes ZooKeeper's operations of a transaction. Pure.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { encodeRecord } from "../change_log.ts";
import type { Put, Transaction } from "../store.ts";
import type { Operation } from "./connection.ts";
import { encodeData, type Layout } from "./layout.ts";
import type { State } from "./state.ts";

/** Bytes of values in the record of a transaction; readers of larger ones look under the keys. */
const MAX_RECORD_VALUES = 64 * 1024;

/** Operations, and what to do when one of them fails. */
export interface Plan {
  operations: Operation[];
  /** Leases that must be there, by the index of the operation that checks them. */
  leases: Map<number, string>;
  /** Keys that must be free, by the index of the operation that makes them. */
  creations: Map<number, string>;
}

/** @param state of all keys; none for a transaction of creations only */
export function planTransaction(layout: Layout, transaction: Transaction, state?: State): Plan {
  const { checks = [], puts = [], deletes = [] } = transaction;
  const planner = new Planner(layout, state);
  planner.checkLeases(transaction);
  const written = new Set([...puts.map(({ key }) => key), ...deletes]);
  for (const { key } of checks) if (!written.has(key)) planner.check(key);
  for (const put of puts) planner.put(put);
  const gone = deletes.filter((key) => planner.delete(key));
  planner.closeFences();
  if (puts.length + gone.length > 0) planner.record({ puts, deletes: gone });
  return planner;
}

/** Puts operations in a row. */
class Planner implements Plan {
  readonly operations: Operation[] = [];
  readonly leases = new Map<number, string>();
  readonly creations = new Map<number, string>();
  readonly #layout: Layout;
  readonly #state: State | undefined;
  /** Fences, and whether a key of theirs is made. */
  readonly #fences = new Map<string, boolean>();

  constructor(layout: Layout, state: State | undefined) {
    this.#layout = layout;
    this.#state = state;
  }

  #fence(key: string, made: boolean): void {
    const path = this.#layout.fence(key);
    this.#fences.set(path, made || (this.#fences.get(path) ?? false));
  }

  /** The leases of what is put, and of keys that are checked as they are. */
  checkLeases({ checks = [], puts = [] }: Transaction): void {
    const needed = new Set(puts.flatMap(({ lease }) => lease ? [lease.id] : []));
    for (const { key } of checks) {
      const found = this.#state?.nodes.get(key);
      if (found?.lease !== undefined && !found.dead) needed.add(found.lease);
    }
    for (const id of needed) {
      this.leases.set(this.operations.length, id);
      this.operations.push({ type: "check", path: this.#layout.lease(id) });
    }
  }

  check(key: string): void {
    this.#fence(key, false);
    const found = this.#state?.nodes.get(key);
    if (!found) return;
    this.operations.push({ type: "check", path: this.#layout.key(key), version: found.version });
  }

  put({ key, value, lease }: Put): void {
    const found = this.#state?.nodes.get(key);
    const data = encodeData(value, lease?.id);
    this.#fence(key, !found);
    if (!found) this.creations.set(this.operations.length, key);
    const path = this.#layout.key(key);
    this.operations.push(
      found ? { type: "set", path, data, version: found.version } : { type: "create", path, data },
    );
  }

  /** @returns whether there is such a key */
  delete(key: string): boolean {
    const found = this.#state?.nodes.get(key);
    this.#fence(key, false);
    if (!found) return false;
    this.operations.push({ type: "delete", path: this.#layout.key(key), version: found.version });
    return true;
  }

  closeFences(): void {
    for (const [path, made] of this.#fences) {
      const version = this.#state?.fences.get(path);
      const at = { path, ...version !== undefined && { version } };
      this.operations.push(
        made ? { type: "set", data: Buffer.alloc(0), ...at } : { type: "check", ...at },
      );
    }
  }

  /** The transaction as other clients read it. */
  record(changes: Parameters<typeof encodeRecord>[0]): void {
    const record = encodeRecord(changes, MAX_RECORD_VALUES, crypto.randomUUID());
    this.operations.push(
      { type: "set", path: this.#layout.head, data: Buffer.alloc(0) },
      {
        type: "create",
        path: this.#layout.newRecord,
        data: Buffer.from(record),
        mode: "sequential",
      },
    );
  }
}
