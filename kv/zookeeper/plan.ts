/**
 * Makes ZooKeeper's operations of a transaction. Pure.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { encodeRecord } from "../change_log.ts";
import type { Transaction } from "../store.ts";
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

/** @param state of all keys; none when nothing but creations is to be done */
export function planTransaction(layout: Layout, transaction: Transaction, state?: State): Plan {
  const { checks = [], puts = [], deletes = [] } = transaction;
  const operations: Operation[] = [];
  const leases = new Map<number, string>();
  const creations = new Map<number, string>();
  /** Fences, and whether a key of theirs is made. */
  const fences = new Map<string, boolean>();
  const fence = (key: string, made: boolean) => {
    const path = layout.fence(key);
    fences.set(path, made || (fences.get(path) ?? false));
  };
  const node = (key: string) => state?.nodes.get(key);
  const needed = new Set(puts.flatMap(({ lease }) => lease ? [lease.id] : []));
  for (const { key } of checks) {
    const found = node(key);
    if (found?.lease !== undefined && !found.dead) needed.add(found.lease);
  }
  for (const id of needed) {
    leases.set(operations.length, id);
    operations.push({ type: "check", path: layout.lease(id) });
  }
  const written = new Set([...puts.map(({ key }) => key), ...deletes]);
  for (const { key } of checks) {
    if (written.has(key)) continue;
    fence(key, false);
    const found = node(key);
    if (found) operations.push({ type: "check", path: layout.key(key), version: found.version });
  }
  for (const { key, value, lease } of puts) {
    const found = node(key);
    const data = encodeData(value, lease?.id);
    fence(key, !found);
    if (!found) creations.set(operations.length, key);
    operations.push(
      found
        ? { type: "set", path: layout.key(key), data, version: found.version }
        : { type: "create", path: layout.key(key), data },
    );
  }
  const gone: string[] = [];
  for (const key of deletes) {
    const found = node(key);
    fence(key, false);
    if (!found) continue;
    gone.push(key);
    operations.push({ type: "delete", path: layout.key(key), version: found.version });
  }
  for (const [path, made] of fences) {
    const version = state?.fences.get(path);
    const at = { path, ...version !== undefined && { version } };
    operations.push(
      made ? { type: "set", data: Buffer.alloc(0), ...at } : { type: "check", ...at },
    );
  }
  if (puts.length + gone.length > 0) {
    const record = encodeRecord({ puts, deletes: gone }, MAX_RECORD_VALUES, crypto.randomUUID());
    operations.push(
      { type: "set", path: layout.head, data: Buffer.alloc(0) },
      {
        type: "create",
        path: layout.newRecord,
        data: Buffer.from(record),
        mode: "sequential",
      },
    );
  }
  return { operations, leases, creations };
}
