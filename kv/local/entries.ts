/**
 * Keys of the embedded store beside entries.
 *
 * `["l", KEY]`: the lease that a key is put with · `["opened"]`: when a process last opened the store
 *
 * @module
 */
import { Space, Writes } from "../denokv/layout.ts";
import type { Check, Transaction } from "../store.ts";

/** All of the file is one store. */
export const space = new Space();

const leaseKey = (key: string): Deno.KvKey => ["l", key];

/** The entry of a key: the revision and number of parts, and whether it is put with a lease. */
export interface Old {
  revision: string;
  parts: number;
  leased: boolean;
}

/** Writes, and the current entries of their keys; a key that isn't in `old` doesn't exist. */
export interface OldAndNew extends Pick<Transaction, "puts" | "deletes"> {
  old: ReadonlyMap<string, Old>;
}

/**
 * Adds the writes of a transaction to an atomic operation.
 *
 * @throws {NetsvcError} `invalid` when they are too many for one
 */
export function addWrites(
  atomic: Deno.AtomicOperation,
  { puts = [], deletes = [], old }: OldAndNew,
): void {
  const writes = new Writes(atomic, space);
  for (const { key, value, lease } of puts) {
    writes.put(key, value, old.get(key)?.parts);
    if (lease) writes.set(leaseKey(key), lease.id, lease.id.length);
    else if (old.get(key)?.leased) writes.remove(leaseKey(key));
  }
  for (const key of deletes) {
    writes.delete(key, old.get(key)?.parts);
    if (old.get(key)?.leased) writes.remove(leaseKey(key));
  }
  writes.refuseTooLarge();
}

/** The entries of keys; keys that don't exist are left out. */
export async function readOld(
  kv: Deno.Kv,
  { keys, leased }: { keys: Iterable<string>; leased: (key: string) => boolean },
): Promise<Map<string, Old>> {
  const heads = await space.readHeads(kv, keys);
  return new Map(
    [...heads].map(([key, { revision, parts = 0 }]) => [key, {
      revision,
      parts,
      leased: leased(key),
    }]),
  );
}

/** Adds the checks of a transaction to an atomic operation. */
export function addChecks(atomic: Deno.AtomicOperation, checks: Check[]): void {
  for (const { key, revision } of checks) {
    atomic.check({ key: space.head(key), versionstamp: revision });
  }
}

/** Keys whose values lie in parts. */
export async function readMultipart(kv: Deno.Kv): Promise<string[]> {
  return [...new Set(await secondParts(kv, "p"))];
}

/** Keys that were put with a lease; at open, of a process that has ended. */
export async function readLeased(kv: Deno.Kv): Promise<string[]> {
  return await secondParts(kv, "l");
}

async function secondParts(kv: Deno.Kv, kind: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of kv.list({ prefix: [kind] })) keys.push(key[1] as string);
  return keys;
}

/** Marks the store as opened. @returns the revision of that, greater than all before */
export async function markOpened(kv: Deno.Kv): Promise<string> {
  return (await kv.set(["opened"], new Date().toISOString())).versionstamp;
}
