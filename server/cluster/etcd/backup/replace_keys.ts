/**
 * Puts a store that is in use back to what a backup has.
 *
 * What differs is changed in one transaction, which is made only if each of its keys is as it was seen. Where it is too
 * large for one, it is written in several, and others write between them: an address that the backup gives to one service
 * may be another's by then. So what differs is looked for again and again, and the last of it is changed only while
 * nobody has written since: at that revision the store is the backup, and what is written afterwards is on top of it.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { AdminChannels } from "../../../../kv/etcd/admin/admin_calls.ts";
import type { AdminCalls, RawCompare } from "../../../../kv/etcd/admin/admin_proto.ts";
import { errorChain, NetsvcError } from "../../../../lib/api/errors.ts";
import { MOST_OPERATIONS } from "../arguments.ts";
import type { BackupEntry } from "./backup_format.ts";
import { keysNow } from "./key_space.ts";

/** Operations of one transaction, where etcd runs with its own bound still: 128, of conditions as well. */
const FEW_OPERATIONS = 100;
/** Bytes of one transaction; etcd allows 1.5 MiB. */
const MOST_BYTES = 1024 * 1024;
/** What a condition and an operation take beside their keys and values, in bytes. */
const FRAME_BYTES = 32;
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

/** How {@linkcode replaceKeys} does it. */
export interface ReplaceOptions {
  /** None unless given. */
  keep?: Keep;
  /** Most operations of a transaction. */
  operations?: number;
}

/**
 * Writes a backup into a store, and deletes all other keys, but for those that are kept and those of leases. A cluster
 * that runs goes on meanwhile, and sees the changes come.
 *
 * @param read reads the backup from its beginning; it is read more than once
 * @throws {NetsvcError} `conflict` where it takes several transactions, and others never stopped writing
 */
export async function replaceKeys(
  channels: AdminChannels,
  read: () => AsyncIterable<BackupEntry>,
  { keep = () => false, operations = MOST_OPERATIONS }: ReplaceOptions = {},
): Promise<Replaced> {
  const wanted = await digests(read(), keep);
  const deleted = new Set<string>();
  const done = () => ({ written: wanted.size, deleted: deleted.size });
  const end = performance.now() + PATIENCE_MS;
  let most = operations;
  let partial = false;
  do {
    const { revision, put, unwanted } = await differences(channels, wanted, keep);
    if (put.size === 0 && unwanted.size === 0) return done();
    for (const name of unwanted.keys()) deleted.add(name);
    let made = 0;
    for await (const batch of batches(changes({ read, put, unwanted }), most)) {
      const whole = batch.length === put.size + unwanted.size;
      const guard = whole && partial ? revision : undefined;
      const outcome = await commit(channels, batch, guard);
      if (outcome === "too many") {
        most = FEW_OPERATIONS;
        break;
      }
      if (whole && outcome === "made") return done();
      if (!whole) made++;
    }
    partial ||= made > 0;
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
      yield {
        compare: as(key, seen),
        operation,
        bytes: 2 * key.length + value.length + FRAME_BYTES,
      };
    }
  }
  for (const [name, seen] of unwanted) {
    const key = new TextEncoder().encode(name);
    const operation = { request_delete_range: { key } };
    yield { compare: as(key, seen), operation, bytes: 2 * key.length + FRAME_BYTES };
  }
}

/** So many at a time as a transaction may hold. */
async function* batches(all: AsyncIterable<Change>, most: number): AsyncGenerator<Change[]> {
  let batch: Change[] = [];
  let bytes = 0;
  for await (const change of all) {
    if (batch.length >= most || (batch.length > 0 && bytes + change.bytes > MOST_BYTES)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(change);
    bytes += change.bytes;
  }
  if (batch.length > 0) yield batch;
}

/**
 * Makes changes, all or none.
 *
 * @param since only if no key was written since this revision
 */
async function commit(
  channels: AdminChannels,
  changes: Change[],
  since?: string,
): Promise<"made" | "changed" | "too many"> {
  const unwritten: RawCompare[] = since === undefined ? [] : [{
    ...{ result: "LESS", target: "MOD", key: FIRST, range_end: END },
    mod_revision: String(BigInt(since) + 1n),
  }];
  const request = {
    compare: [...changes.map(({ compare }) => compare), ...unwritten],
    success: changes.map(({ operation }) => operation),
  };
  try {
    const { succeeded } = await channels.call("KV/Txn", request, { ms: CALL_MS });
    return succeeded ? "made" : "changed";
  } catch (error) {
    // An etcd that netsvc of before has started.
    const tooMany = errorChain(error).some((text) => /too many operations/.test(text));
    if (tooMany && changes.length > FEW_OPERATIONS) return "too many";
    throw error;
  }
}
