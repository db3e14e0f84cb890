/**
 * The one interface to the global state: a transactional, watchable key-value store. Every backend
 * offers all of it and passes `kv/testing/conformance.ts`.
 *
 * Keys are `/`-separated paths without a leading slash, of segments that hold any character but
 * `/` and NUL, e.g. `networks/3fa…`. Values are text (JSON), up to 100 KiB of UTF-8.
 *
 * @module
 */

/**
 * A point in a store's history. Opaque but for one thing: two revisions of one store compare as
 * strings (`<`, `===`), later ones greater.
 */
export type Revision = string;

/** A key with its value and the revision of its last change. */
export interface Entry {
  key: string;
  value: string;
  revision: Revision;
}

/** A condition of a transaction: the key's revision; `null`: the key doesn't exist. */
export interface Check {
  key: string;
  revision: Revision | null;
}

/** A write of a transaction. */
export interface Put {
  key: string;
  value: string;
  /** The key vanishes when this lease is lost. */
  lease?: Lease;
}

/** One atomic transaction: all checks hold and all writes are applied, or nothing is. */
export interface Transaction {
  checks?: Check[];
  puts?: Put[];
  deletes?: string[];
}

/** Outcome of a transaction. A failed check names its key; it is not an error. */
export type CommitResult = { ok: true; revision: Revision } | { ok: false; failed: string };

/** One change of one key. */
export type Change =
  | { type: "put"; entry: Entry }
  | { type: "delete"; key: string; revision: Revision };

/**
 * What a watch yields: first a snapshot, then the changes of each revision together and in order.
 * After a gap (a lost connection, a compaction) a fresh snapshot follows; the caller diffs it.
 */
export type WatchEvent =
  | { type: "snapshot"; entries: Entry[]; revision: Revision }
  | { type: "changes"; changes: Change[]; revision: Revision };

/**
 * A right to exist, renewed by its holder: keys put with it vanish when it is lost. Closing the store
 * revokes no lease: it lasts for its time to live without its holder, which may be back before (the
 * embedded store has one holder only, and ends it when it is opened again).
 */
export interface Lease {
  readonly id: string;
  /** Resolves with the reason when the lease is lost; never when it is revoked. */
  readonly lost: Promise<Error>;
  /** Revokes the lease; its keys vanish. Idempotent. */
  revoke(): Promise<void>;
}

/** Options of {@linkcode Store.list}. */
export interface ListOptions {
  /**
   * An object of the caller's, the same each time that it lists the prefix. While it exists the store may keep what it
   * gave last, and ask its servers only for what has changed since; what it gives is as new as without it.
   */
  again?: object;
}

/** Options of {@linkcode Store.watch}. */
export interface WatchOptions {
  /** Ends the iteration. */
  signal?: AbortSignal;
}

/**
 * A store. Every method rejects with a `NetsvcError`: `unavailable` when the store can't be
 * reached, `timeout` when it doesn't answer in time (the outcome of a commit is then unknown),
 * `invalid` for a bad key or a value over the limit.
 */
export interface Store extends AsyncDisposable {
  /** `local`, `etcd`, … */
  readonly provider: string;
  get(key: string): Promise<Entry | undefined>;
  /** All entries whose key starts with `prefix`, ordered by key (UTF-8 bytes). */
  list(prefix: string, options?: ListOptions): Promise<Entry[]>;
  /**
   * At most 64 checks, puts and deletes together, and 300 KiB of keys and values (each store rejects
   * more than its own limit as `invalid`); puts and deletes of one key in one transaction are
   * `invalid`.
   */
  commit(transaction: Transaction): Promise<CommitResult>;
  watch(prefix: string, options?: WatchOptions): AsyncIterable<WatchEvent>;
  /** @param ttl time to live in milliseconds */
  lease(ttl: number): Promise<Lease>;
  /**
   * How long ago at least the lease that holds a key was renewed, in milliseconds, as the servers know it; `undefined` where
   * no lease holds it. Absent in a store whose servers don't tell.
   */
  leaseAge?(key: string): Promise<number | undefined>;
  /** Other servers of the same store from now on, at least one; where a store's servers come and go. */
  useEndpoints?(endpoints: readonly { host: string; port: number }[]): void;
}
