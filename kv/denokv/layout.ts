/**
 * How entries lie in Deno KV, embedded or remote. A value there holds at most 64 KiB, so longer ones
 * lie in parts, all written in the transaction of their head.
 *
 * `[…SPACE, "k", KEY]`: the head · `[…SPACE, "p", KEY, N]`: a part
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import type { LeasedEntry } from "../change_log.ts";
import { byteLength } from "../keys.ts";

/** Characters of a value that surely fit: three bytes each at most, and room for the head. */
const PART_LENGTH = 20_000;
/** Keys and values that one atomic operation of Deno KV holds, in bytes. */
const MAX_ATOMIC_BYTES = 800 * 1024;
/** Keys that one atomic operation of Deno KV holds, in bytes. */
const MAX_ATOMIC_KEY_BYTES = 80 * 1024;
/** More bytes than Deno KV's encoding adds to a key. */
const KEY_OVERHEAD = 16;
/** More bytes than Deno KV's encoding adds to a value. */
const VALUE_OVERHEAD = 32;
/** Characters of a versionstamp. */
const VERSIONSTAMP_LENGTH = 20;
/** Keys that one read of Deno KV takes. */
const MAX_READ = 10;
/** Entries of a list that are read at once: unless it is told, Deno KV reads 100, and waits for each hundred. */
const LIST_BATCH = 500;
/** Attempts to read a value whose parts change meanwhile. */
const ATTEMPTS = 20;

/** The head of a key. */
export interface Head {
  /** The value, where it fits. */
  v?: string;
  /** Number of parts, where it doesn't. */
  parts?: number;
  /** Id of the lease that it is put with, where that isn't kept elsewhere. */
  lease?: string;
}

/** Reads of Deno KV: its own, or those with deadlines. */
export interface Reader {
  getMany(keys: Deno.KvKey[]): Promise<Deno.KvEntryMaybe<unknown>[]>;
  list(
    selector: Deno.KvListSelector,
    options?: Deno.KvListOptions,
  ): AsyncIterable<Deno.KvEntry<unknown>>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Whether a value lies in parts. */
export function isMultipart(value: string): boolean {
  return value.length > PART_LENGTH;
}

/** The entries below one key of Deno KV. */
export class Space {
  readonly at: Deno.KvKey;

  constructor(at: Deno.KvKey = []) {
    this.at = at;
  }

  head(key: string): Deno.KvKey {
    return [...this.at, "k", encoder.encode(key)];
  }

  part(key: string, n: number): Deno.KvKey {
    return [...this.at, "p", key, n];
  }

  /** Half-open range of the heads whose key starts with `prefix`, by bytes. */
  range(prefix: string): { start: Deno.KvKey; end: Deno.KvKey } {
    // No UTF-8 text holds the byte 0xff, so this is behind every key with the prefix.
    const end = new Uint8Array([...encoder.encode(prefix), 0xff]);
    return { start: this.head(prefix), end: [...this.at, "k", end] };
  }

  /** The heads of keys; keys that don't exist are left out. */
  async readHeads(
    reader: Reader,
    keys: Iterable<string>,
  ): Promise<Map<string, Head & { revision: string }>> {
    const heads = new Map<string, Head & { revision: string }>();
    const all = [...new Set(keys)];
    const batches = Array.from(
      { length: Math.ceil(all.length / MAX_READ) },
      (_, i) => all.slice(i * MAX_READ, (i + 1) * MAX_READ),
    );
    await Promise.all(batches.map(async (some) => {
      const found = await reader.getMany(some.map((key) => this.head(key)));
      for (const [n, { value, versionstamp }] of found.entries()) {
        if (value !== null) heads.set(some[n]!, { ...value as Head, revision: versionstamp! });
      }
    }));
    return heads;
  }

  /** All entries under a prefix, ordered by key. */
  async readAll(reader: Reader, prefix: string): Promise<LeasedEntry[]> {
    const entries: (LeasedEntry | undefined)[] = [];
    const parts: Promise<void>[] = [];
    const list = reader.list(this.range(prefix), { batchSize: LIST_BATCH });
    for await (const { key, value, versionstamp } of list) {
      const name = decoder.decode(key.at(-1) as Uint8Array);
      const entry = this.#inline(name, value as Head, versionstamp);
      const i = entries.push(entry) - 1;
      if (entry) continue;
      parts.push((async () => {
        entries[i] = await this.readOne(reader, name);
      })());
      if (parts.length >= MAX_READ) await Promise.all(parts.splice(0));
    }
    await Promise.all(parts);
    return entries.filter((entry) => entry !== undefined);
  }

  /** One entry. */
  async readOne(reader: Reader, key: string): Promise<LeasedEntry | undefined> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const [found] = await reader.getMany([this.head(key)]);
      if (!found || found.value === null) return undefined;
      const head = found.value as Head;
      const entry = this.#inline(key, head, found.versionstamp) ??
        await this.#joined(reader, key, head, found.versionstamp);
      if (entry) return entry;
    }
    throw new NetsvcError("conflict", `The value of "${key}" changes faster than it can be read`);
  }

  #inline(key: string, { v, lease }: Head, revision: string): LeasedEntry | undefined {
    if (v === undefined) return undefined;
    return { key, value: v, revision, ...lease !== undefined && { lease } };
  }

  /** The entry, unless some of its parts are of another transaction. */
  async #joined(
    reader: Reader,
    key: string,
    { parts = 0, lease }: Head,
    revision: string,
  ): Promise<LeasedEntry | undefined> {
    const found = await reader.getMany(Array.from({ length: parts }, (_, n) => this.part(key, n)));
    if (found.some(({ versionstamp }) => versionstamp !== revision)) return undefined;
    const value = found.map((part) => part.value as string).join("");
    return { key, value, revision, ...lease !== undefined && { lease } };
  }
}

/** The writes of one atomic operation, whose size is known before it is sent. */
export class Writes {
  readonly #atomic: Deno.AtomicOperation;
  readonly #space: Space;
  #keyBytes = 0;
  #bytes = 0;

  constructor(atomic: Deno.AtomicOperation, space: Space) {
    this.#atomic = atomic;
    this.#space = space;
  }

  /** @param size of the value in bytes, at most */
  set(key: Deno.KvKey, value: unknown, size: number): void {
    this.#keyBytes += sizeOf(key);
    this.#bytes += size + VALUE_OVERHEAD;
    this.#atomic.set(key, value);
  }

  remove(key: Deno.KvKey): void {
    this.#keyBytes += sizeOf(key);
    this.#atomic.delete(key);
  }

  /** A write of a value of so many bytes that `set` can't do. */
  append(key: Deno.KvKey, value: Uint8Array, write: (key: Deno.KvKey) => void): void {
    this.#keyBytes += sizeOf(key) + VERSIONSTAMP_LENGTH;
    this.#bytes += value.length + VALUE_OVERHEAD;
    write(key);
  }

  /** @param oldParts parts of the current value */
  put(key: string, value: string, oldParts = 0, lease?: string): void {
    const head = this.#space.head(key);
    const leased = lease !== undefined && { lease };
    // Twice the length: any character may make V8 store the whole text in two bytes each.
    const parts = isMultipart(value) ? Math.ceil(value.length / PART_LENGTH) : 0;
    if (parts === 0) this.set(head, { v: value, ...leased } satisfies Head, value.length * 2);
    else this.set(head, { parts, ...leased } satisfies Head, 0);
    for (let n = 0; n < parts; n++) {
      const part = value.slice(n * PART_LENGTH, (n + 1) * PART_LENGTH);
      this.set(this.#space.part(key, n), part, part.length * 2);
    }
    for (let n = parts; n < oldParts; n++) this.remove(this.#space.part(key, n));
  }

  delete(key: string, oldParts = 0): void {
    this.remove(this.#space.head(key));
    for (let n = 0; n < oldParts; n++) this.remove(this.#space.part(key, n));
  }

  /** @throws {NetsvcError} `invalid` when the writes are too many for one operation */
  refuseTooLarge(): void {
    refuseOver(MAX_ATOMIC_KEY_BYTES, this.#keyBytes, "bytes of keys");
    refuseOver(MAX_ATOMIC_BYTES, this.#keyBytes + this.#bytes, "bytes");
  }
}

function sizeOf(key: Deno.KvKey): number {
  return key.reduce<number>(
    (sum, part) =>
      sum +
      (typeof part === "string" ? byteLength(part) : part instanceof Uint8Array ? part.length : 0),
    KEY_OVERHEAD,
  );
}

function refuseOver(most: number, size: number, what: string): void {
  if (size <= most) return;
  throw new NetsvcError(
    "invalid",
    `A transaction of ${size} ${what} is too large for Deno KV: at most ${most}; split it`,
  );
}
