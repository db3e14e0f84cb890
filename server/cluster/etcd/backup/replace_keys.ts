/**
 * Puts a store that is in use back to what a backup has.
 *
 * etcd bounds a transaction, so a backup is written in several, and others write between them: an address that the backup
 * gives to one service may be another's by then. So what differs is looked for again and again, each change is made only
 * where its key is as it was seen, and the last ones only while nobody has written since: at that revision the store is
 * the backup, and all of what is written afterwards is written on top of it.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { AdminChannels } from "../../../../kv/etcd/admin/admin_calls.ts";
import type { AdminCalls, RawCompare } from "../../../../kv/etcd/admin/admin_proto.ts";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import type { BackupEntry } from "./backup_format.ts";
import { keysNow } from "./key_space.ts";

/** Operations of one transaction: etcd allows 128. */
const BATCH = 100;
/** Bytes of one transaction; etcd allows 1.5 MiB. */
const BATCH_BYTES = 512 * 1024;
/** Time that a transaction may take, in milliseconds. */
const CALL_MS = 20_000;
/** For how long others may keep writing, in milliseconds. */
const PATIENCE_MS = 60_000;
/** The first of all keys, and the end of them. */
const FIRST = new Uint8Array([0]), END = new Uint8Array([0]);

/** Which keys a restore leaves as they are. */
export type Keep = (key: string) => boolean;

/** What a restore has done. */
export interface Replaced {
  /** Keys of the backup, which are there now. */
  written: number;
  /** Keys that it hasn't. */
  deleted: number;
}

type Operation = AdminCalls["KV/Txn"]["request"]["success"][number];

/** A change that is to be made, if its key is as it was seen. */
interface Change {
  compare: RawCompare;
  operation: Operation;
  bytes: number;
}

const text = new TextDecoder();

/**
 * Writes a backup into a store, and deletes all other keys, but for those that are kept and those of leases. A cluster
 * that runs goes on meanwhile, and sees the changes come.
 *
 * @param read reads the backup from its beginning; it is read more than once
 * @throws {NetsvcError} `conflict` where others never stopped writing: the store is no backup's then
 */
export async function replaceKeys(
  channels: AdminChannels,
  read: () => AsyncIterable<BackupEntry>,
  keep: Keep = () => false,
): Promise<Replaced> {
  const wanted = await digests(read(), keep);
  const deleted = new Set<string>();
  const end = performance.now() + PATIENCE_MS;
  do {
    const { revision, put, unwanted } = await differences(channels, wanted, keep);
    if (put.size === 0 && unwanted.size === 0) {
      return { written: wanted.size, deleted: deleted.size };
    }
    for (const name of unwanted.keys()) deleted.add(name);
    let last: Change[] = [];
    for await (const batch of batches(changes({ read, put, unwanted }))) {
      // The last one waits for what is before it.
      if (last.length > 0) await commit(channels, last);
      last = batch;
    }
    if (put.size + unwanted.size > last.length) {
      await commit(channels, last);
      continue;
    }
    if (await commit(channels, last, revision)) {
      return { written: wanted.size, deleted: deleted.size };
    }
  } while (performance.now() < end);
  throw new NetsvcError(
    "conflict",
    "Others kept writing while the backup was restored, so what is there now is a mixture; say it again when they don't",
  );
}

/** What each key of a backup is to have. */
async function digests(
  entries: AsyncIterable<BackupEntry>,
  keep: Keep,
): Promise<Map<string, string>> {
  const wanted = new Map<string, string>();
  for await (const { key, value } of entries) {
    const name = text.decode(key);
    if (!keep(name)) wanted.set(name, digest(value));
  }
  return wanted;
}

function digest(value: Uint8Array): string {
  return createHash("sha256").update(value).digest("base64");
}

/** Keys that are to change, with the revisions of their last changes; "0" of those that aren't there. */
interface Differences {
  put: Map<string, string>;
  unwanted: Map<string, string>;
}

async function differences(
  channels: AdminChannels,
  wanted: Map<string, string>,
  keep: Keep,
): Promise<Differences & { revision: string }> {
  const { revision, keys } = await keysNow(channels);
  const put = new Map([...wanted.keys()].map((name) => [name, "0"]));
  const unwanted = new Map<string, string>();
  for await (const { key, value, lease, mod_revision } of keys) {
    const name = text.decode(key);
    if (keep(name)) continue;
    const should = wanted.get(name);
    if (should === undefined) {
      if (lease === "0") unwanted.set(name, mod_revision);
    } else if (lease === "0" && should === digest(value)) put.delete(name);
    else put.set(name, mod_revision);
  }
  return { revision, put, unwanted };
}

/** The changes that these differences are. */
async function* changes(
  { read, put, unwanted }: Differences & { read: () => AsyncIterable<BackupEntry> },
): AsyncGenerator<Change> {
  const as = (key: Uint8Array, mod_revision: string): RawCompare => ({
    ...{ result: "EQUAL", target: "MOD", key, mod_revision },
  });
  if (put.size > 0) {
    for await (const { key, value } of read()) {
      const seen = put.get(text.decode(key));
      if (seen === undefined) continue;
      const operation = { request_put: { key, value } };
      yield { compare: as(key, seen), operation, bytes: key.length + value.length };
    }
  }
  for (const [name, seen] of unwanted) {
    const key = new TextEncoder().encode(name);
    const operation = { request_delete_range: { key } };
    yield { compare: as(key, seen), operation, bytes: key.length };
  }
}

/** So many at a time as a transaction may hold. */
async function* batches(all: AsyncIterable<Change>): AsyncGenerator<Change[]> {
  let batch: Change[] = [];
  let bytes = 0;
  for await (const change of all) {
    if (batch.length >= BATCH || (batch.length > 0 && bytes + change.bytes > BATCH_BYTES)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(change);
    bytes += change.bytes;
  }
  if (batch.length > 0) yield batch;
}

/** Makes changes, all or none. @param since only if no key was written since this revision @returns whether it did */
async function commit(
  channels: AdminChannels,
  changes: Change[],
  since?: string,
): Promise<boolean> {
  const unwritten: RawCompare[] = since === undefined ? [] : [{
    ...{ result: "LESS", target: "MOD", key: FIRST, range_end: END },
    mod_revision: String(BigInt(since) + 1n),
  }];
  const { succeeded } = await channels.call("KV/Txn", {
    compare: [...changes.map(({ compare }) => compare), ...unwritten],
    success: changes.map(({ operation }) => operation),
  }, { ms: CALL_MS });
  return succeeded;
}
