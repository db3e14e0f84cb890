/**
 * An in-memory copy of what a daemon watches. Reads are served from here; a write is answered when
 * the copy has seen it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Change, CommitResult, Entry, Revision, Store, Transaction } from "../kv/store.ts";
import { NetsvcError } from "./wire/errors.ts";

const log = getLogger(["netsvc", "mirror"]);
const DEADLINE_MS = 5000;

/** Options of {@linkcode Mirror.open}. */
export interface MirrorOptions {
  /**
   * How long the first snapshot, and a commit's way back, may take, in milliseconds.
   *
   * @default 5000
   */
  deadline?: number;
}

/** Group of a key: its first segment or, where there are three, its first two. */
function groupOf(key: string): string {
  const first = key.indexOf("/");
  const second = key.indexOf("/", first + 1);
  return key.slice(0, (second < 0 ? first : second) + 1);
}

/** Whether all keys with a prefix are of one group: two slashes are the most that a group has. */
function inOneGroup(prefix: string): boolean {
  return prefix.indexOf("/", prefix.indexOf("/") + 1) > prefix.indexOf("/");
}

/** A copy of all keys under a prefix. */
export class Mirror {
  readonly #store: Store;
  readonly #prefix: string;
  readonly #deadline: number;
  readonly #entries = new Map<string, Entry>();
  /** Entries by group, so that listing one network's services doesn't look at all others'. */
  readonly #groups = new Map<string, Map<string, Entry>>();
  readonly #subscribers = new Set<(changes: Change[]) => void>();
  readonly #waiting = new Set<{ revision: Revision; done: () => void }>();
  readonly #abort = new AbortController();
  #revision: Revision = "";
  #following: Promise<void> = Promise.resolve();

  private constructor(store: Store, prefix: string, deadline: number) {
    this.#store = store;
    this.#prefix = prefix;
    this.#deadline = deadline;
  }

  /** Opens a mirror and waits for its first snapshot. @throws {NetsvcError} `timeout` */
  static async open(
    store: Store,
    prefix = "",
    { deadline = DEADLINE_MS }: MirrorOptions = {},
  ): Promise<Mirror> {
    const mirror = new Mirror(store, prefix, deadline);
    const first = Promise.withResolvers<void>();
    mirror.#following = mirror.#follow(first.resolve);
    mirror.#following.catch((error) => {
      log.error("The mirror stopped following the store: {error}", { error });
      first.reject(error);
    });
    try {
      await withDeadline(first.promise, deadline, "The store sends no snapshot");
    } catch (error) {
      await mirror.close();
      throw error;
    }
    return mirror;
  }

  /** The entry of a key. */
  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Entries whose key starts with `prefix`. Unordered. Fast for groups, e.g. `services/ID/`. */
  list(prefix: string): Entry[] {
    if (inOneGroup(prefix)) {
      const name = groupOf(prefix);
      const members = [...this.#groups.get(name)?.values() ?? []];
      return name === prefix ? members : members.filter(({ key }) => key.startsWith(prefix));
    }
    const entries: Entry[] = [];
    for (const [name, members] of this.#groups) {
      if (name.startsWith(prefix)) entries.push(...members.values());
      else if (prefix.startsWith(name)) {
        entries.push(...members.values().filter(({ key }) => key.startsWith(prefix)));
      }
    }
    return entries;
  }

  /** Calls back, synchronously, with what changed, after the copy has it. */
  subscribe(callback: (changes: Change[]) => void): () => void {
    this.#subscribers.add(callback);
    return () => this.#subscribers.delete(callback);
  }

  /** Commits and waits until the copy has it. @throws {NetsvcError} `timeout` */
  async commit(transaction: Transaction): Promise<CommitResult> {
    const result = await this.#store.commit(transaction);
    const { puts = [], deletes = [] } = transaction;
    const written = [...puts.map(({ key }) => key), ...deletes];
    const own = written.some((key) => key.startsWith(this.#prefix));
    if (result.ok && own) await this.#seen(result.revision);
    return result;
  }

  async #seen(revision: Revision): Promise<void> {
    if (this.#revision >= revision) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = { revision, done: resolve };
    this.#waiting.add(waiting);
    try {
      await withDeadline(
        promise,
        this.#deadline,
        "The change was committed, but the store doesn't send it back",
      );
    } finally {
      this.#waiting.delete(waiting);
    }
  }

  async #follow(first: () => void): Promise<void> {
    for await (const event of this.#store.watch(this.#prefix, { signal: this.#abort.signal })) {
      const changes = event.type === "snapshot"
        ? this.#diff(event.entries, event.revision)
        : event.changes;
      for (const change of changes) this.#apply(change);
      if (event.revision > this.#revision) this.#revision = event.revision;
      this.#tell(changes);
      for (const waiting of this.#waiting) {
        if (this.#revision >= waiting.revision) waiting.done();
      }
      first();
    }
  }

  /** What a snapshot changes. */
  #diff(entries: Entry[], revision: Revision): Change[] {
    const changes: Change[] = [];
    const present = new Set<string>();
    for (const entry of entries) {
      present.add(entry.key);
      if (this.#entries.get(entry.key)?.revision !== entry.revision) {
        changes.push({ type: "put", entry });
      }
    }
    for (const key of this.#entries.keys()) {
      if (!present.has(key)) changes.push({ type: "delete", key, revision });
    }
    return changes;
  }

  #apply(change: Change): void {
    const key = change.type === "put" ? change.entry.key : change.key;
    const name = groupOf(key);
    const group = this.#groups.get(name);
    if (change.type === "put") {
      this.#entries.set(key, change.entry);
      if (group) group.set(key, change.entry);
      else this.#groups.set(name, new Map([[key, change.entry]]));
      return;
    }
    this.#entries.delete(key);
    group?.delete(key);
    if (group?.size === 0) this.#groups.delete(name);
  }

  #tell(changes: Change[]): void {
    if (changes.length === 0) return;
    for (const callback of [...this.#subscribers]) {
      try {
        callback(changes);
      } catch (error) {
        log.error("A subscriber of the mirror failed: {error}", { error });
      }
    }
  }

  /** Stops following. */
  async close(): Promise<void> {
    this.#abort.abort();
    await this.#following.catch(() => {}); // Whoever opened it has heard of it.
  }
}

async function withDeadline<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: number | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new NetsvcError("timeout", `${what} within ${ms} ms; try again`)),
      ms,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
