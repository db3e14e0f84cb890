/**
 * The record of one transaction in the log of a store that has no history of its own. A writer adds
 * it in the transaction itself; watches read the records in order. Pure.
 *
 * @module
 */
import { byteLength } from "./keys.ts";
import type { Change, Entry, Revision, Transaction } from "./store.ts";

/** An entry that may be put with a lease. */
export interface LeasedEntry extends Entry {
  /** Id of the lease. */
  lease?: string;
}

/** One put of a record. */
interface LoggedPut {
  key: string;
  /** Left out of a large record: readers get the value from the key. */
  value?: string;
  lease?: string;
}

/** What a transaction changed. */
export interface LogRecord {
  /**
   * Identifies this transaction, also among those with the same number in another history
   * of the store, before or after a backup was restored.
   */
  id?: string;
  puts: LoggedPut[];
  deletes: string[];
}

/** A change of a record, with its value; `undefined` where it has to be looked for. */
export type LoggedChange =
  | { type: "put"; key: string; entry: LeasedEntry | undefined; lease?: string }
  | Extract<Change, { type: "delete" }>;

/**
 * @param most bytes of values that one record may hold
 * @param id the transaction's, unique across histories
 */
export function encodeRecord(
  { puts = [], deletes = [] }: Transaction,
  most: number,
  id?: string,
): string {
  const size = puts.reduce((sum, { value }) => sum + byteLength(value), 0);
  const record: LogRecord = {
    ...id !== undefined && { id },
    puts: puts.map(({ key, value, lease }) => ({
      key,
      ...size <= most && { value },
      ...lease && { lease: lease.id },
    })),
    deletes,
  };
  return JSON.stringify(record);
}

/** The changes of a record. */
export function decodeRecord(text: string, revision: Revision): LoggedChange[] {
  const { puts, deletes } = JSON.parse(text) as LogRecord;
  return [
    ...puts.map(({ key, value, lease }): LoggedChange => {
      const leased = lease !== undefined && { lease };
      const entry = value === undefined ? undefined : { key, value, revision, ...leased };
      return { type: "put", key, entry, ...leased };
    }),
    ...deletes.map((key): LoggedChange => ({ type: "delete", key, revision })),
  ];
}

/** Id of a record's transaction, unique across histories. */
export function recordId(text: string): string | undefined {
  return (JSON.parse(text) as LogRecord).id;
}

/** One transaction. */
export interface Logged {
  revision: Revision;
  changes: LoggedChange[];
}

/**
 * Brings entries that were read at different moments to the moment of the last record.
 *
 * @param records all from before the first moment to after the last
 * @returns `false` when a value is missing: read again
 */
export function replay(
  records: Logged[],
  { found, prefix }: { found: Map<string, LeasedEntry>; prefix: string },
): boolean {
  for (const { revision, changes } of records) {
    for (const change of changes) {
      const { key } = change;
      // An entry that was read after this transaction may be of a later one.
      if (!key.startsWith(prefix) || (found.get(key)?.revision ?? "") >= revision) continue;
      if (change.type === "delete") found.delete(key);
      else if (change.entry) found.set(key, change.entry);
    }
  }
  // A value that its record leaves out was read with the keys, or is too new.
  const last = new Map(
    records.flatMap(({ revision, changes }) =>
      changes.map((change) => [change.key, { revision, change }])
    ),
  );
  for (const [key, { revision, change }] of last) {
    if (!key.startsWith(prefix) || change.type === "delete") continue;
    if (found.get(key)?.revision !== revision) return false;
  }
  return true;
}
