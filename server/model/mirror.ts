/**
 * An in-memory copy of the prefixes that a daemon follows. Reads are served from it; a write is answered when the copy
 * has seen it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { Conditions } from "../../lib/async/conditions.ts";
import { deadline } from "../../lib/async/deadline.ts";
import type { Change, CommitResult, Entry, Revision, Store, Transaction } from "../../kv/store.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import { Entries } from "./entries.ts";

const log = getLogger(["netsvc", "mirror"]);
const DEADLINE_MS = 5000;

/** Options of {@linkcode Mirror.open}. */
export interface MirrorOptions {
  /**
   * How long the first snapshot, and the return of a commit by the watch, may take, in milliseconds.
   *
   * @default 5000
   */
  deadline?: number;
}

/**
 * Where changes come from. `change`: a host has just made them. `resync`: they were missed during a gap and found in a
 * fresh snapshot. `load` and `drop`: the copy began or stopped holding a prefix; nothing happened in the store.
 */
export type Origin = "change" | "resync" | "load" | "drop";

/** Called with the changes after the copy has them. */
export type Subscriber = (changes: Change[], origin: Origin) => void;

/** One followed prefix. */
interface Feed {
  readonly prefix: string;
  readonly abort: AbortController;
  /** Resolves with the first snapshot; rejects when the watch fails before it. */
  readonly first: Promise<void>;
  following: Promise<void>;
  /** Revision of the last event; empty before the first. */
  revision: Revision;
  /** Number of snapshots so far. */
  snapshots: number;
  /** Whether the copy held entries of it before the first event. */
  seeded: boolean;
}

/** A copy of all keys under the followed prefixes, which must not overlap. */
export class Mirror {
  readonly store: Store;
  readonly #deadline: number;
  readonly #feeds = new Map<string, Feed>();
  readonly #entries = new Entries();
  readonly #subscribers = new Set<Subscriber>();
  readonly #conditions = new Conditions();
  #changes = 0;
  #closed = false;

  /** A mirror that follows nothing yet. */
  constructor(store: Store, { deadline = DEADLINE_MS }: MirrorOptions = {}) {
    this.store = store;
    this.#deadline = deadline;
  }

  /** A mirror of one prefix, with its first snapshot. @throws {NetsvcError} `timeout` */
  static async open(store: Store, prefix = "", options: MirrorOptions = {}): Promise<Mirror> {
    const mirror = new Mirror(store, options);
    try {
      await mirror.follow(prefix);
    } catch (error) {
      await mirror.close();
      throw error;
    }
    return mirror;
  }

  /**
   * Follows a prefix and waits for its first snapshot. When that fails, the prefix is followed all the same: it catches
   * up when the store answers again.
   *
   * @throws {NetsvcError} `timeout`, or as the store's watch
   */
  async follow(prefix: string): Promise<void> {
    const feed = this.#feeds.get(prefix) ?? this.#start(prefix);
    const error = tooLate(this.#deadline, "The store sends no snapshot");
    await deadline(feed.first, this.#deadline, { error });
  }

  #start(prefix: string): Feed {
    const first = Promise.withResolvers<void>();
    // Callers that wait get the rejection; without this it would count as unhandled when none waits.
    first.promise.catch(() => {});
    const feed: Feed = {
      prefix,
      abort: new AbortController(),
      first: first.promise,
      following: Promise.resolve(),
      revision: "",
      snapshots: 0,
      seeded: false,
    };
    this.#feeds.set(prefix, feed);
    feed.following = this.#follow(feed, first.resolve).catch((error) => {
      log.error("The mirror stopped following the store: {error}", { error });
      first.reject(error);
    });
    return feed;
  }

  /** Whether a prefix is followed and its first snapshot has come. */
  follows(prefix: string): boolean {
    return (this.#feeds.get(prefix)?.revision ?? "") !== "";
  }

  /** Stops following a prefix and forgets its entries. */
  async unfollow(prefix: string): Promise<void> {
    const feed = this.#feeds.get(prefix);
    if (!feed) return;
    this.#feeds.delete(prefix);
    feed.abort.abort();
    const changes = this.list(prefix).map(({ key, revision }): Change => ({
      type: "delete",
      key,
      revision,
    }));
    for (const change of changes) this.#entries.apply(change);
    this.#tell(changes, "drop");
    await feed.following;
  }

  /** Fills a prefix that has no snapshot yet with the entries of an earlier copy. */
  seed(prefix: string, entries: Entry[]): void {
    if (this.follows(prefix)) return;
    const feed = this.#feeds.get(prefix);
    if (feed) feed.seeded = true;
    const changes = entries.map((entry): Change => ({ type: "put", entry }));
    for (const change of changes) this.#entries.apply(change);
    this.#tell(changes, "load");
  }

  /** The followed prefixes. */
  get prefixes(): string[] {
    return [...this.#feeds.keys()];
  }

  /** Number of changes that the copy has made: the same number means that nothing has changed. */
  get changes(): number {
    return this.#changes;
  }

  /**
   * Reads a prefix from the store itself and waits until the copy has that state, or a later one.
   *
   * @throws {NetsvcError} `unavailable`, `timeout` of the store; `unavailable` when the copy doesn't catch up
   */
  async catchUp(prefix: string): Promise<void> {
    const feed = this.#feeds.get(prefix);
    if (!feed) return;
    const before = new Map(this.list(prefix).map(({ key, revision }) => [key, revision]));
    const { snapshots } = feed;
    const entries = await this.store.list(prefix);
    const listed = new Set(entries.map(({ key }) => key));
    const gone = [...before].filter(([key]) => !listed.has(key));
    const has = ({ key, revision }: Entry) => {
      const known = this.#entries.get(key)?.revision;
      // A key that the copy lacks although its feed is past the revision was deleted after it was read.
      return known === undefined ? feed.revision >= revision : known >= revision;
    };
    const check = () =>
      this.#feeds.get(prefix) !== feed || feed.snapshots !== snapshots ||
      entries.every(has) &&
        gone.every(([key, revision]) => this.#entries.get(key)?.revision !== revision);
    try {
      await this.#conditions.until(check, {
        ms: this.#deadline,
        error: tooLate(this.#deadline, "The watch doesn't catch up"),
      });
    } catch (error) {
      throw new NetsvcError(
        "unavailable",
        "This host's copy of the store is behind the store itself; try again",
        { cause: error },
      );
    }
  }

  /** The entry of a key. */
  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Entries whose key starts with `prefix`. Unordered. Fast for groups, e.g. `services/ID/`. */
  list(prefix: string): Entry[] {
    return this.#entries.list(prefix);
  }

  /** Calls back, synchronously, with the changes after the copy has them. */
  subscribe(callback: Subscriber): () => void {
    this.#subscribers.add(callback);
    return () => this.#subscribers.delete(callback);
  }

  /** Commits and waits until the copy has it. @throws {NetsvcError} `timeout` */
  async commit(transaction: Transaction): Promise<CommitResult> {
    const before = new Map(
      [...this.#feeds.values()].map((feed) => {
        const { revision, snapshots } = feed;
        return [feed, { revision, snapshots }];
      }),
    );
    const result = await this.store.commit(transaction).catch((error) => {
      throw isOpen(error) ? saidOpen(error) : error;
    });
    if (result.ok) await this.#seen(transaction, result.revision, before);
    return result;
  }

  /**
   * Waits until the copy holds what was written, or a later state. Revisions alone can't tell: they are the whole
   * store's, and the feed of a prefix without changes stays at its own last one. And where the copy was at a later
   * revision before, the store has been restored from a backup: until the next snapshot the copy holds another
   * history's entries.
   *
   * @param before the feeds as they were before the commit
   */
  async #seen(
    { puts = [], deletes = [] }: Transaction,
    revision: Revision,
    before: Map<Feed, Pick<Feed, "revision" | "snapshots">>,
  ): Promise<void> {
    const keys = [...puts.map(({ key }) => key), ...deletes];
    const has = (key: string, put: boolean) => {
      const entry = this.#entries.get(key);
      return entry ? entry.revision >= revision : !put;
    };
    const feeds = [...this.#feeds.values()].flatMap((feed) => {
      const own = keys.filter((key) => key.startsWith(feed.prefix));
      return own.length > 0 ? [{ feed, own }] : [];
    });
    const written = new Set(puts.map(({ key }) => key));
    const isOfOtherHistory = (feed: Feed) => {
      const then = before.get(feed);
      if (!then || then.snapshots !== feed.snapshots) return false;
      // A commit that changes nothing returns the revision of the last change.
      return puts.length > 0 ? then.revision >= revision : then.revision > revision;
    };
    const check = () =>
      feeds.every(({ feed, own }) =>
        this.#feeds.get(feed.prefix) !== feed ||
        !isOfOtherHistory(feed) &&
          (feed.revision >= revision || own.every((key) => has(key, written.has(key))))
      );
    const error = tooLate(
      this.#deadline,
      "The change was committed, but the store doesn't send it back",
    );
    await this.#conditions.until(check, { ms: this.#deadline, error });
  }

  async #follow(feed: Feed, first: () => void): Promise<void> {
    const { signal } = feed.abort;
    for await (const event of this.store.watch(feed.prefix, { signal })) {
      if (signal.aborted) return;
      // An entry that was known from before and is missing now was deleted during a gap, too.
      const origin = feed.revision === "" && !feed.seeded
        ? "load"
        : event.type === "snapshot"
        ? "resync"
        : "change";
      const changes = event.type === "snapshot"
        ? this.#entries.changesTo(feed.prefix, event)
        : event.changes;
      for (const change of changes) this.#entries.apply(change);
      // A snapshot may go back: the store may have been restored from a backup.
      if (event.type === "snapshot" || event.revision > feed.revision) {
        feed.revision = event.revision;
      }
      if (event.type === "snapshot") feed.snapshots++;
      this.#tell(changes, origin);
      this.#conditions.look();
      first();
    }
  }

  #tell(changes: Change[], origin: Origin): void {
    if (changes.length === 0) return;
    this.#changes += changes.length;
    for (const callback of [...this.#subscribers]) {
      try {
        callback(changes, origin);
      } catch (error) {
        log.error("A subscriber of the mirror failed: {error}", { error });
      }
    }
  }

  /** Stops following; the copy stays as it is. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const { abort } of this.#feeds.values()) abort.abort();
    await Promise.all([...this.#feeds.values()].map(({ following }) => following));
  }
}

/** Whether an error leaves open what the store has done. */
function isOpen(error: unknown): error is NetsvcError {
  return error instanceof NetsvcError && error.code === "timeout";
}

/** The error with its uncertainty stated: a plain failure would read as "not done". */
function saidOpen({ code, message, cause }: NetsvcError): NetsvcError {
  return new NetsvcError(code, `${message}; it may have made the change all the same`, { cause });
}

function tooLate(ms: number, what: string): () => NetsvcError {
  return () => new NetsvcError("timeout", `${what} within ${ms} ms; try again`);
}
