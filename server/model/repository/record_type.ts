/**
 * How records are written and read: as JSON with the version of their kind in `v`, parsed by a schema. Records from
 * before 2026-11 have no `v`; those of a shared store had `schema` instead. Both count as version 1.
 *
 * A record of a newer version than this netsvc knows is neither read nor overwritten: a newer daemon wrote it; the
 * hosts of a cluster are upgraded one after the other.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { z } from "zod";
import type { Entry } from "../../../kv/store.ts";
import type { Stored } from "../stored.ts";

const log = getLogger(["netsvc", "store"]);

/** The version of a parsed value; 1 for anything without one. */
export function versionOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  const { v, schema } = value as Record<string, unknown>;
  const version = v ?? schema;
  return version === undefined ? 1 : typeof version === "number" ? version : NaN;
}

/** A record without its version. */
export function unversioned(value: object): Record<string, unknown> {
  const { v, ...fields } = value as Record<string, unknown>;
  if (v === undefined) delete fields["schema"];
  return fields;
}

/** Parses JSON; `undefined` when it isn't JSON. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * The versions of a kind of which older hosts understand some records: each is written in the oldest version that
 * can hold it.
 */
export interface Versions<T> {
  oldest: number;
  newest: number;
  of: (record: T) => number;
}

/** One kind of record. */
export class RecordType<T extends object> {
  readonly #kind: string;
  readonly #versions: Versions<T>;
  readonly #schema: z.ZodType<T>;

  /**
   * @param kind for the log
   * @param version of all records, or those that there are
   */
  constructor(kind: string, version: number | Versions<T>, schema: z.ZodType<T>) {
    this.#kind = kind;
    this.#versions = typeof version === "number"
      ? { oldest: version, newest: version, of: () => version }
      : version;
    this.#schema = schema;
  }

  /** The newest version that this netsvc knows. */
  get version(): number {
    return this.#versions.newest;
  }

  /** A record as it is stored. */
  write(record: T): string {
    return JSON.stringify({ v: this.#versions.of(record), ...record });
  }

  /** Reads a record from its text; `undefined` when it has another version, or isn't of this kind. */
  parse(text: string | undefined): T | undefined {
    const value = text === undefined ? undefined : parsed(text);
    if (typeof value !== "object" || value === null) return undefined;
    const version = versionOf(value);
    const { oldest, newest } = this.#versions;
    if (!(version >= oldest && version <= newest)) return undefined;
    const result = this.#schema.safeParse(unversioned(value));
    return result.success ? result.data : undefined;
  }

  /** A record with its revision; one that can't be read is named in the log and left alone. */
  read({ key, value, revision }: Entry): Stored<T> | undefined {
    const record = this.parse(value);
    if (record) return { record, revision };
    log.warn("The record {key} isn't a {kind} of version {version}: it is left alone", {
      key: JSON.stringify(key.slice(0, 120)),
      kind: this.#kind,
      version: this.version,
    });
    return undefined;
  }

  /** The records among entries, each without its revision. */
  readAll(entries: Entry[]): T[] {
    return entries.flatMap((entry) => this.read(entry)?.record ?? []);
  }
}

/** Values kept at most between two lists, in characters; a larger list is read anew. */
const MAX_KEPT = 32 * 1024 * 1024;

/** A record beside the text that it was parsed from. */
interface Kept<T> {
  value: string;
  stored: Stored<T>;
}

/** What the last list had, by key. */
export class ReadOnce<T> {
  #last = new Map<string, Kept<T>>();
  /** The last result, where all of it is kept. */
  #all: readonly Stored<T>[] | undefined;

  /** Number of records that are kept. */
  get size(): number {
    return this.#last.size;
  }

  /**
   * Reads the entries of a list; those that were in the last one and are the same aren't parsed again. Where all are,
   * the result is the last one itself.
   */
  readAll(
    entries: Entry[],
    read: (entry: Entry) => Stored<T> | undefined,
  ): readonly Stored<T>[] {
    const next = new Map<string, Kept<T>>();
    const all: Stored<T>[] = [];
    let kept = 0;
    for (const entry of entries) {
      const { key, value, revision } = entry;
      const known = this.#last.get(key);
      // By its value, too: a restored store counts its revisions anew.
      const same = known?.value === value && known.stored.revision === revision;
      const stored = same ? known.stored : read(entry);
      if (!stored) continue;
      all.push(stored);
      kept += value.length;
      if (kept <= MAX_KEPT) next.set(key, { value: same ? known.value : value, stored });
    }
    this.#last = next;
    const before = this.#all;
    if (before?.length === all.length && all.every((stored, i) => stored === before[i])) {
      return before;
    }
    this.#all = kept <= MAX_KEPT ? all : undefined;
    return all;
  }
}
