/**
 * Reads the records of transactions, and states of the whole store at one transaction.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import { decodeRecord, type LeasedEntry, type Logged, recordId, replay } from "../change_log.ts";
import { byKey } from "../keys.ts";
import type { Revision } from "../store.ts";
import type { Connection, Node } from "./connection.ts";
import {
  decodeData,
  decodeName,
  directoryFits,
  joinKey,
  type Layout,
  recordNumber,
  revisionOf,
} from "./layout.ts";

/** Records that stay for readers that are behind. */
const KEPT_RECORDS = 1000;
/** Transactions after which one client deletes old records. */
const TRIM_EVERY = 256;
/** Requests that are sent before the first is answered. */
const BATCH = 500;
/** Attempts to read a state while others write. */
const ATTEMPTS = 8;

/** A place in a store's history. */
export interface Position {
  /** The head's version. */
  version: number;
  revision: Revision;
}

/** A store's nodes, and how they are reached. */
export interface Tree {
  connection: Connection;
  layout: Layout;
}

/** Id of the transaction at a place, unique across histories; `undefined` without its record. */
export async function readRecordId(
  { connection, layout }: Tree,
  { version, revision }: Position,
): Promise<string | undefined> {
  if (version === 0) return undefined;
  const node = await connection.get(layout.record(version));
  if (!node || revisionOf(node.stat.mzxid) !== revision) return undefined;
  return recordId(node.data.toString());
}

/** Leases that exist. */
export interface LiveLeases {
  ids: Set<string>;
  /** The last of them came or another went then. */
  at: Revision;
}

/** Whether the lease of a key that was put at `revision` has ended. */
export function isDead(
  { lease, revision }: { lease?: string; revision: Revision },
  { ids, at }: LiveLeases,
): boolean {
  // A lease made after `ids` were read isn't among them, and its keys are younger than `at`.
  return lease !== undefined && !ids.has(lease) && revision < at;
}

/** Calls `ask` for each, so many at once that no server is flooded. */
export async function inBatches<T, R>(all: T[], ask: (one: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  for (let i = 0; i < all.length; i += BATCH) {
    answers.push(...await Promise.all(all.slice(i, i + BATCH).map(ask)));
  }
  return answers;
}

/** The transactions after the version `from` up to `to`; nothing when some are deleted or aren't its own. */
export async function readRecords(
  { connection, layout }: Tree,
  { from, to }: { from: number; to: Position },
): Promise<Logged[] | undefined> {
  if (to.version < from || to.version - from > KEPT_RECORDS) return undefined;
  const versions = Array.from({ length: to.version - from }, (_, i) => from + 1 + i);
  const nodes = await inBatches(versions, (version) => connection.get(layout.record(version)));
  return recordsOf(nodes, to);
}

/** Records of nodes, the last of them of `to`; nothing when one is missing or it isn't. */
export function recordsOf(nodes: (Node | undefined)[], to: Position): Logged[] | undefined {
  const records: Logged[] = [];
  for (const node of nodes) {
    if (!node) return undefined;
    const revision = revisionOf(node.stat.mzxid);
    records.push({ revision, changes: decodeRecord(node.data.toString(), revision) });
  }
  return records.length > 0 && records.at(-1)!.revision !== to.revision ? undefined : records;
}

/** After a transaction with this record: deletes old ones, when it is time. */
export async function trimRecords(
  { connection, layout }: Tree,
  record: string,
): Promise<void> {
  const number = recordNumber(record);
  if (number % TRIM_EVERY !== TRIM_EVERY - 1) return;
  const names = (await connection.children(layout.log))?.names ?? [];
  const old = names.filter((name) => recordNumber(name) <= number - KEPT_RECORDS);
  await inBatches(
    old,
    (name) => connection.multi([{ type: "delete", path: `${layout.log}/${name}` }]),
  );
}

/** The store's current place in its history. */
export async function readPosition({ connection, layout }: Tree): Promise<Position> {
  const stat = await connection.stat(layout.head);
  if (!stat) throw new NetsvcError("unavailable", "The store's nodes in ZooKeeper were deleted");
  return { version: stat.version, revision: revisionOf(stat.mzxid) };
}

/** A state of the store, or of a part of it. */
export interface Snapshot {
  entries: LeasedEntry[];
  revision: Revision;
  /** Where it is in the history. */
  position: Position;
  /** Id of the transaction there, unique across histories. */
  recordId: string | undefined;
  /** Keys whose nodes only wait to be deleted. */
  dead: string[];
  /** Paths of directories that were left empty. */
  empty: string[];
}

/** Reads all keys with a prefix as they were at one transaction. */
export async function readSnapshot(tree: Tree, prefix: string): Promise<Snapshot> {
  const { connection, layout } = tree;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const before = await readPosition(tree);
    const { found, empty } = await readKeys(tree, prefix);
    // What was read meanwhile is from different moments; the records bring all of it to one.
    const [children, after] = await Promise.all([
      connection.children(layout.leases),
      readPosition(tree),
    ]);
    const [records, id] = await Promise.all([
      readRecords(tree, { from: before.version, to: after }),
      readRecordId(tree, after),
    ]);
    if (!records || !replay(records, { found, prefix })) continue;
    const leases = {
      ids: new Set(children?.names),
      at: children ? revisionOf(children.stat.pzxid) : "",
    };
    const all = [...found.values()];
    return {
      entries: all.filter((entry) => !isDead(entry, leases)).sort(byKey),
      revision: after.revision,
      position: after,
      recordId: id,
      dead: all.flatMap((entry) => isDead(entry, leases) ? [entry.key] : []),
      empty,
    };
  }
  throw new NetsvcError("unavailable", "ZooKeeper's store changes faster than it can be read");
}

async function readKeys(
  { connection, layout }: Tree,
  prefix: string,
): Promise<{ found: Map<string, LeasedEntry>; empty: string[] }> {
  const found = new Map<string, LeasedEntry>();
  const empty: string[] = [];
  const directories = ((await connection.children(layout.directories))?.names ?? [])
    .map(decodeName).filter((directory) => directoryFits(directory, prefix));
  const keys = (await inBatches(directories, async (directory) => {
    const children = await connection.children(layout.directory(directory));
    // One that was just made for its first key has never had a child.
    if (children?.names.length === 0 && children.stat.cversion > 0) {
      empty.push(layout.directory(directory));
    }
    return (children?.names ?? []).map((name) => joinKey(directory, decodeName(name)))
      .filter((key) => key.startsWith(prefix));
  })).flat();
  await inBatches(keys, async (key) => {
    const node = await connection.get(layout.key(key));
    if (!node) return;
    found.set(key, { key, ...decodeData(node.data), revision: revisionOf(node.stat.mzxid) });
  });
  return { found, empty };
}
