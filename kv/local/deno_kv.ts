/**
 * How entries lie in Deno KV. A value there holds at most 64 KiB, so longer ones lie in parts, all
 * written in the transaction of their head.
 *
 * `["k", KEY]`: the head · `["p", KEY, N]`: a part · `["l", KEY]`: the lease that a key is put with
 * · `["opened"]`: when a process last opened the store
 *
 * @module
 */
import { NetsvcError } from "../../server/wire/errors.ts";
import { byteLength } from "../keys.ts";
import type { Check, Entry, Transaction } from "../store.ts";

/** Characters of a value that surely fit: three bytes each at most, and room for the head. */
const PART_LENGTH = 20_000;
/** What one atomic operation of Deno KV holds, in bytes: keys and values, and keys alone. */
const MAX_ATOMIC_BYTES = 800 * 1024, MAX_ATOMIC_KEY_BYTES = 80 * 1024;
/** More than Deno KV's encoding adds to a key, and to a value. */
const KEY_OVERHEAD = 16, VALUE_OVERHEAD = 32;

interface Head {
  /** The value, where it fits. */
  v?: string;
  /** Number of parts, where it doesn't. */
  parts?: number;
}

const encoder = new TextEncoder();

/** Half-open range of the heads whose key starts with `prefix`, by bytes. */
function range(prefix: string): { start: Deno.KvKey; end: Deno.KvKey } {
  // No UTF-8 text holds the byte 0xff, so this is behind every key with the prefix.
  return {
    start: ["k", encoder.encode(prefix)],
    end: ["k", new Uint8Array([...encoder.encode(prefix), 0xff])],
  };
}

const headKey = (key: string): Deno.KvKey => ["k", encoder.encode(key)];
const partKey = (key: string, n: number): Deno.KvKey => ["p", key, n];
const leaseKey = (key: string): Deno.KvKey => ["l", key];

/** What lies under a key: the revision and number of parts, and whether it is put with a lease. */
export interface Old {
  revision: string;
  parts: number;
  leased: boolean;
}

/**
 * Adds the writes of a transaction to an atomic operation.
 *
 * @param old what lies there now; without it, nothing
 * @throws {NetsvcError} `invalid` when they are too many for one
 */
export function addWrites(
  atomic: Deno.AtomicOperation,
  { puts = [], deletes = [] }: Transaction,
  old: ReadonlyMap<string, Old>,
): void {
  let keyBytes = 0;
  let bytes = 0;
  const set = (key: Deno.KvKey, value: unknown, size: number) => {
    keyBytes += sizeOf(key);
    bytes += size + VALUE_OVERHEAD;
    atomic.set(key, value);
  };
  const remove = (key: Deno.KvKey) => {
    keyBytes += sizeOf(key);
    atomic.delete(key);
  };
  for (const { key, value, lease } of puts) {
    const { parts: oldParts = 0, leased = false } = old.get(key) ?? {};
    // Twice the length: any character may make V8 store the whole text in two bytes each.
    const parts = Math.ceil(value.length / PART_LENGTH);
    if (parts <= 1) set(headKey(key), { v: value } satisfies Head, value.length * 2);
    else {
      set(headKey(key), { parts } satisfies Head, 0);
      for (let n = 0; n < parts; n++) {
        const part = value.slice(n * PART_LENGTH, (n + 1) * PART_LENGTH);
        set(partKey(key, n), part, part.length * 2);
      }
    }
    for (let n = parts <= 1 ? 0 : parts; n < oldParts; n++) remove(partKey(key, n));
    if (lease) set(leaseKey(key), lease.id, lease.id.length);
    else if (leased) remove(leaseKey(key));
  }
  for (const key of deletes) {
    const { parts: oldParts = 0, leased = false } = old.get(key) ?? {};
    remove(headKey(key));
    if (leased) remove(leaseKey(key));
    for (let n = 0; n < oldParts; n++) remove(partKey(key, n));
  }
  refuseOver(MAX_ATOMIC_KEY_BYTES, keyBytes, "bytes of keys");
  refuseOver(MAX_ATOMIC_BYTES, keyBytes + bytes, "bytes");
}

function sizeOf([kind, name]: Deno.KvKey): number {
  const bytes = typeof name === "string" ? byteLength(name) : (name as Uint8Array).length;
  return (kind as string).length + bytes + KEY_OVERHEAD;
}

function refuseOver(most: number, size: number, what: string): void {
  if (size <= most) return;
  throw new NetsvcError(
    "invalid",
    `A transaction of ${size} ${what} is too large for the embedded store: at most ${most}; ` +
      `split it`,
  );
}

/** Keys that one read of Deno KV takes. */
const MAX_READ = 10;

/** What lies under each key; keys with nothing are left out. */
export async function readOld(
  kv: Deno.Kv,
  keys: Iterable<string>,
  leased: (key: string) => boolean,
): Promise<Map<string, Old>> {
  const old = new Map<string, Old>();
  const all = [...new Set(keys)];
  for (let i = 0; i < all.length; i += MAX_READ) {
    const some = all.slice(i, i + MAX_READ);
    const found = await kv.getMany<Head[]>(some.map(headKey));
    for (const [n, { value, versionstamp }] of found.entries()) {
      if (value === null) continue;
      const key = some[n]!;
      old.set(key, { revision: versionstamp!, parts: value.parts ?? 0, leased: leased(key) });
    }
  }
  return old;
}

/** Adds the checks of a transaction to an atomic operation. */
export function addChecks(atomic: Deno.AtomicOperation, checks: Check[]): void {
  for (const { key, revision } of checks) {
    atomic.check({ key: headKey(key), versionstamp: revision });
  }
}

/** Whether a value lies in parts. */
export function isMultipart(value: string): boolean {
  return value.length > PART_LENGTH;
}

/** Keys whose values lie in parts. */
export async function readMultipart(kv: Deno.Kv): Promise<string[]> {
  const keys = new Set<string>();
  for await (const { key } of kv.list({ prefix: ["p"] })) keys.add(key[1] as string);
  return [...keys];
}

/** Marks the store as opened and gives the revision of that: greater than all before it. */
export async function markOpened(kv: Deno.Kv): Promise<string> {
  return (await kv.set(["opened"], new Date().toISOString())).versionstamp;
}

/** All entries under a prefix, ordered by key. */
export async function readAll(kv: Deno.Kv, prefix: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const { key, value, versionstamp } of kv.list<Head>(range(prefix))) {
    const name = new TextDecoder().decode(key[1] as Uint8Array);
    entries.push({ key: name, value: await wholeValue(kv, name, value), revision: versionstamp });
  }
  return entries;
}

/** One entry. */
export async function readOne(kv: Deno.Kv, key: string): Promise<Entry | undefined> {
  const { value, versionstamp } = await kv.get<Head>(headKey(key));
  if (value === null) return undefined;
  return { key, value: await wholeValue(kv, key, value), revision: versionstamp! };
}

async function wholeValue(kv: Deno.Kv, key: string, head: Head): Promise<string> {
  if (head.v !== undefined) return head.v;
  let value = "";
  for (let n = 0; n < head.parts!; n++) value += (await kv.get<string>(partKey(key, n))).value;
  return value;
}

/** Keys that were put with a lease; at open, of a process that is no more. */
export async function readLeased(kv: Deno.Kv): Promise<string[]> {
  const leased: string[] = [];
  for await (const { key } of kv.list({ prefix: ["l"] })) leased.push(key[1] as string);
  return leased;
}
