/**
 * Encoded answers by the bytes of their question: most queries of a sandbox are the same few, and
 * decoding, looking up and encoding again costs ten times the system calls around it. Holds local
 * answers only, and is dropped whenever the view changes, so it is never stale.
 *
 * @module
 */
import { fnv1a } from "../../lib/bytes/fnv1a.ts";
import { turned, type TurningAnswer } from "./codec/rotation.ts";

/** What one sandbox remembers, in bytes; the oldest goes first. */
const MAX_BYTES = 512 * 1024;
/** What an entry costs beside its bytes, about. */
const OVERHEAD = 400;
/** Longest query that is remembered, in bytes. */
const MAX_QUERY = 300;

interface CachedAnswer {
  query: Uint8Array;
  answer: TurningAnswer;
  /** The record that comes first next time. */
  next: number;
  /** What it costs, in bytes. */
  size: number;
}

function same(a: Uint8Array, b: Uint8Array, length: number): boolean {
  if (a.length !== length) return false;
  for (let i = 2; i < length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Answers of one view. */
export class PacketCache {
  #entries = new Map<number, CachedAnswer>();
  #size = 0;

  /** What it holds costs this much, in bytes. */
  get size(): number {
    return this.#size;
  }

  /** The answer to a query, its id set: the caller's own copy, as sending takes its time. */
  get(query: Uint8Array): Uint8Array | undefined {
    const found = this.#entries.get(fnv1a(query, 2));
    if (!found || !same(found.query, query, query.length)) return undefined;
    return this.#next(found, query);
  }

  #next(entry: CachedAnswer, query: Uint8Array): Uint8Array {
    const message = turned(entry.answer, entry.next);
    entry.next = entry.next + 1 >= entry.answer.count ? 0 : entry.next + 1;
    message[0] = query[0]!;
    message[1] = query[1]!;
    return message;
  }

  /** Remembers the answer to a query, and gives it for the first time. */
  set(query: Uint8Array, answer: TurningAnswer): Uint8Array {
    // From a random start, or every view's first asker would get the same one.
    const next = Math.floor(Math.random() * answer.count);
    const size = query.length + answer.message.length + OVERHEAD;
    const entry = { query: query.slice(), answer, next, size };
    if (query.length <= MAX_QUERY && size <= MAX_BYTES) this.#keep(entry);
    return this.#next(entry, query);
  }

  #keep(entry: CachedAnswer): void {
    const key = fnv1a(entry.query, 2);
    this.#forget(key);
    for (const oldest of this.#entries.keys()) {
      if (this.#size + entry.size <= MAX_BYTES) break;
      this.#forget(oldest);
    }
    this.#entries.set(key, entry);
    this.#size += entry.size;
  }

  #forget(key: number): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#size -= entry.size;
  }

  /** Forgets everything. */
  clear(): void {
    if (this.#entries.size > 0) this.#entries = new Map();
    this.#size = 0;
  }
}
