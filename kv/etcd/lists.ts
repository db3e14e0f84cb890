/**
 * Listing a prefix again: etcd is asked for what has changed since the last time, and for the number of keys that there
 * are now. Linearizable, as any other read.
 *
 * What changed since a revision, put over the list as it was then, holds at least every key that there is now: one that
 * is there either was changed since, or is as it was. It holds more only where keys were deleted, and then it has more
 * keys than etcd counts. So where both numbers agree it is the list, whatever has happened in between; else all is read.
 *
 * That needs one history. A store that was restored from a backup goes on with another one: no member then went on
 * serving, so the stream of watches has ended, and what was kept before isn't used any more.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Entry, Revision } from "../store.ts";

/** Characters of values that are kept of one list at most; a larger one is read anew each time. */
const MAX_KEPT = 32 * 1024 * 1024;

/** An answer of etcd's to a range. */
export interface Listed {
  /** In the order of their keys; those that were asked for. */
  entries: Entry[];
  /** Of the store, at the answer. */
  revision: Revision;
  /** Keys of the range, also those that weren't asked for. */
  count: number;
  cluster: string;
}

/** What {@linkcode Lists} needs of the store. */
export interface ListSource {
  /** Reads a prefix; with `since`, what has been changed after that revision. */
  read(prefix: string, since?: Revision): Promise<Listed>;
  /** The stream of watches: while it lasts, the history is one. */
  stream(): { readonly ended: boolean } | undefined;
}

interface Kept extends Listed {
  prefix: string;
  stream: { readonly ended: boolean };
}

function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Where a key belongs among entries, not before `from`. */
function placeOf(key: string, entries: readonly Entry[], from: number): number {
  let [low, high] = [from, entries.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(entries[middle]!.key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * A list with the changes since, both in the order of their keys (UTF-8 bytes). Pure.
 *
 * @returns `undefined` unless that has as many keys as there are: some of them were deleted
 */
export function advanced(
  last: readonly Entry[],
  { entries: changed, count }: Pick<Listed, "entries" | "count">,
): Entry[] | undefined {
  const left = new Map(changed.map((entry) => [entry.key, entry]));
  const kept = changed.length === 0 ? [...last] : last.map((entry) => {
    const now = left.get(entry.key);
    if (now) left.delete(entry.key);
    return now ?? entry;
  });
  if (kept.length + left.size !== count) return undefined;
  if (left.size === 0) return kept;
  const all: Entry[] = [];
  let from = 0;
  for (const entry of left.values()) {
    const place = placeOf(entry.key, kept, from);
    for (; from < place; from++) all.push(kept[from]!);
    all.push(entry);
  }
  for (; from < kept.length; from++) all.push(kept[from]!);
  return all;
}

/** The lists of one store. */
export class Lists {
  readonly #source: ListSource;
  readonly #last = new WeakMap<object, Kept>();

  constructor(source: ListSource) {
    this.#source = source;
  }

  /** Lists a prefix. @param owner whom it was listed for before */
  async list(prefix: string, owner: object): Promise<Entry[]> {
    const stream = this.#source.stream();
    const last = this.#last.get(owner);
    if (stream && last?.stream === stream && last.prefix === prefix) {
      const now = await this.#source.read(prefix, last.revision);
      const sameHistory = !stream.ended && now.cluster === last.cluster &&
        now.revision >= last.revision;
      const entries = sameHistory ? advanced(last.entries, now) : undefined;
      if (entries) return this.#keep(owner, { ...now, entries, prefix, stream });
    }
    const now = await this.#source.read(prefix);
    if (stream && !stream.ended) return this.#keep(owner, { ...now, prefix, stream });
    this.#last.delete(owner);
    return now.entries;
  }

  /** Keeps a list for the next time. @returns a copy of it */
  #keep(owner: object, kept: Kept): Entry[] {
    const size = kept.entries.reduce((sum, { value }) => sum + value.length, 0);
    if (size <= MAX_KEPT) this.#last.set(owner, kept);
    else this.#last.delete(owner);
    return [...kept.entries];
  }
}
