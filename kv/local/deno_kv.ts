/**
 * How entries lie in Deno KV. A value there holds at most 64 KiB, so longer ones lie in parts, all
 * written in the transaction of their head.
 *
 * `["k", KEY]`: the head · `["p", KEY, N]`: a part · `["l", KEY]`: the lease that a key is put with
 *
 * @module
 */
import { NetsvcError } from "../../server/wire/errors.ts";
import type { Entry, Transaction } from "../store.ts";

/** Characters of a value that surely fit: three bytes each at most, and room for the head. */
const PART_LENGTH = 20_000;
/** What one atomic operation of Deno KV holds, in bytes. */
const MAX_ATOMIC_BYTES = 800 * 1024;

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

/** Adds the writes of a transaction to an atomic operation. */
export function addWrites(
  atomic: Deno.AtomicOperation,
  { puts = [], deletes = [] }: Transaction,
  oldParts: (key: string) => number,
): void {
  let bytes = 0;
  for (const { key, value, lease } of puts) {
    const parts = Math.ceil(value.length / PART_LENGTH);
    bytes += value.length * 2 + key.length * 2;
    if (parts <= 1) atomic.set(headKey(key), { v: value } satisfies Head);
    else {
      atomic.set(headKey(key), { parts } satisfies Head);
      for (let n = 0; n < parts; n++) {
        atomic.set(partKey(key, n), value.slice(n * PART_LENGTH, (n + 1) * PART_LENGTH));
      }
    }
    for (let n = parts <= 1 ? 0 : parts; n < oldParts(key); n++) atomic.delete(partKey(key, n));
    if (lease) atomic.set(leaseKey(key), lease.id);
    else atomic.delete(leaseKey(key));
  }
  for (const key of deletes) {
    atomic.delete(headKey(key)).delete(leaseKey(key));
    for (let n = 0; n < oldParts(key); n++) atomic.delete(partKey(key, n));
  }
  if (bytes > MAX_ATOMIC_BYTES) {
    throw new NetsvcError(
      "invalid",
      `A transaction of ${bytes} bytes is too large for the embedded store: at most ` +
        `${MAX_ATOMIC_BYTES}; split it`,
    );
  }
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

/** One entry, with the number of its parts. */
export async function readOne(
  kv: Deno.Kv,
  key: string,
): Promise<{ entry: Entry; parts: number } | undefined> {
  const { value, versionstamp } = await kv.get<Head>(headKey(key));
  if (value === null) return undefined;
  const entry = { key, value: await wholeValue(kv, key, value), revision: versionstamp! };
  return { entry, parts: value.parts ?? 0 };
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
