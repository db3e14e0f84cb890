/**
 * Encoded answers by the bytes of their question: most queries of a sandbox are the same few, and
 * decoding, looking up and encoding again costs ten times the system calls around it. Holds local
 * answers only, and is dropped whenever the view changes, so it is never stale.
 *
 * @module
 */

/** What one sandbox remembers, in bytes; the oldest goes first. */
const MAX_BYTES = 512 * 1024;
/** What an entry, and each message in it, costs beside its bytes, about. */
const OVERHEAD = 200;
/** Longest query that is remembered, in bytes. */
const MAX_QUERY = 300;

interface CachedAnswer {
  query: Uint8Array;
  /** The same answer in several orders. */
  variants: Uint8Array[];
  next: number;
  /** What it costs, in bytes. */
  size: number;
}

/** FNV-1a over all but the id. */
function hash(query: Uint8Array, length: number): number {
  let h = 0x811c9dc5;
  for (let i = 2; i < length; i++) h = Math.imul(h ^ query[i]!, 0x01000193);
  return h;
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
    const found = this.#entries.get(hash(query, query.length));
    if (!found || !same(found.query, query, query.length)) return undefined;
    const answer = found.variants[found.next]!.slice();
    found.next = found.next + 1 === found.variants.length ? 0 : found.next + 1;
    answer[0] = query[0]!;
    answer[1] = query[1]!;
    return answer;
  }

  /** Remembers the answers to a query, given in turn. */
  set(query: Uint8Array, variants: Uint8Array[]): void {
    const messages = [query, ...variants];
    const size = messages.reduce((sum, { length }) => sum + length + OVERHEAD, OVERHEAD);
    if (query.length > MAX_QUERY || size > MAX_BYTES) return;
    const key = hash(query, query.length);
    this.#forget(key);
    for (const oldest of this.#entries.keys()) {
      if (this.#size + size <= MAX_BYTES) break;
      this.#forget(oldest);
    }
    this.#entries.set(key, { query: query.slice(), variants, next: 0, size });
    this.#size += size;
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
