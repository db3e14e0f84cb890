/**
 * Encoded answers by the bytes of their question: most queries of a sandbox are the same few, and
 * decoding, looking up and encoding again costs ten times the system calls around it. Holds local
 * answers only, and is dropped whenever the view changes, so it is never stale.
 *
 * @module
 */
import { fnv1a } from "../../lib/bytes/fnv1a.ts";
import { type Turn, turned, turnedLength, type TurningAnswer, turnInto } from "./codec/rotation.ts";

/** Size of one sandbox's cache, in bytes; the oldest entry is dropped first. */
const MAX_BYTES = 512 * 1024;
/** Approximate overhead of an entry beside its bytes, in bytes. */
const OVERHEAD = 400;
/** Longest query that is cached, in bytes. */
const MAX_QUERY = 300;

/** An answer, and the record that comes first in the next one. */
interface CachedAnswer extends Turn {
  query: Uint8Array;
  /** Length of each answer. */
  turned: number;
  /** Size of the entry with its overhead, in bytes. */
  size: number;
}

function step(entry: CachedAnswer): void {
  entry.next = entry.next + 1 >= entry.answer.count ? 0 : entry.next + 1;
}

/** Whether a query is the first bytes of another one, but for the id. */
function same(a: Uint8Array, b: Uint8Array, length: number): boolean {
  if (a.length !== length) return false;
  for (let i = 2; i < length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The cached answers of one view. */
export class PacketCache {
  #entries = new Map<number, CachedAnswer>();
  #size = 0;

  /** Size of all entries with their overhead, in bytes. */
  get size(): number {
    return this.#size;
  }

  /**
   * Writes the answer to a query, with its id set, if it is cached and there is room.
   *
   * @param query begins with the query, of so many bytes
   * @returns the length of the answer; 0: there is none
   */
  answer(query: Uint8Array, length: number, into: Uint8Array): number {
    const found = this.#entries.get(fnv1a(query, 2, length));
    if (!found || found.turned > into.length || !same(found.query, query, length)) return 0;
    turnInto(found, into);
    step(found);
    into[0] = query[0]!;
    into[1] = query[1]!;
    return found.turned;
  }

  /** Caches the answer to a query, and returns its first rotation. */
  set(query: Uint8Array, answer: TurningAnswer): Uint8Array {
    // From a random start: otherwise the first client of every view would get the same record.
    const next = Math.floor(Math.random() * answer.count);
    const size = query.length + answer.message.length + OVERHEAD;
    const entry = { query: query.slice(), answer, next, turned: turnedLength(answer), size };
    if (query.length <= MAX_QUERY && size <= MAX_BYTES) this.#keep(entry);
    const message = turned(answer, next);
    step(entry);
    message[0] = query[0]!;
    message[1] = query[1]!;
    return message;
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

  /** Drops all entries. */
  clear(): void {
    if (this.#entries.size > 0) this.#entries = new Map();
    this.#size = 0;
  }
}
