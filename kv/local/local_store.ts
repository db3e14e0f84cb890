/**
 * The embedded store: Deno KV in the state directory, for one process.
 *
 * Commits run one after the other, so what watches see is in the order of revisions, which are Deno
 * KV's versionstamps. Those that wait in line together run as one, and share a revision.
 *
 * @module
 */
import { Mutex } from "../../lib/async/mutex.ts";
import { errorChain, NetsvcError } from "../../lib/api/errors.ts";
import { checkKey, checkTransaction } from "../keys.ts";
import { changeKey, Watchers } from "../watchers.ts";
import type {
  Change,
  Check,
  CommitResult,
  Entry,
  Lease,
  Revision,
  Store,
  Transaction,
  WatchEvent,
  WatchOptions,
} from "../store.ts";
import { isMultipart } from "../denokv/layout.ts";
import {
  addChecks,
  addWrites,
  markOpened,
  type OldAndNew,
  readLeased,
  readMultipart,
  readOld,
  space,
} from "./entries.ts";
import { failedCheck, Group, keysOf, merged } from "./group.ts";
import { Leases } from "./leases.ts";
import { copyStore, removeCopy, SpareStore, unwritable } from "./spare.ts";

/** Commits that may wait in line. */
const MAX_WAITING = 10_000;
/** Keys deleted in one transaction when leases end. */
const DELETE_BATCH = 100;

type Changes = Extract<WatchEvent, { type: "changes" }>;
type Outcome = PromiseSettledResult<CommitResult>;

class LocalStore implements Store {
  readonly provider = "local";
  readonly #kv: Deno.Kv;
  readonly #lock: Deno.FsFile;
  readonly #directory: string;
  readonly #watchers = new Watchers<WatchEvent, Changes>({
    // Nothing is committed in between: commits run alone too.
    snapshot: (prefix, from) =>
      this.#alone(async () => {
        const entries = await space.readAll(this.#kv, prefix);
        from();
        return { type: "snapshot", entries, revision: this.#revision };
      }),
    select: ({ changes, ...rest }, prefix) => {
      const own = changes.filter((change) => changeKey(change).startsWith(prefix));
      return own.length === 0 ? undefined : { ...rest, changes: own };
    },
  });
  readonly #leases = new Leases((take) => this.#alone(() => this.#deleteAll(take())));
  /** Keys whose values lie in parts; few, if any. */
  readonly #multipart = new Set<string>();
  #revision: Revision = "0".repeat(20);
  readonly #turns = new Mutex();
  /** The commits that wait in line last, with nothing else behind them. */
  #last: { members: Group; outcomes: Promise<Outcome[]> } | undefined;
  #waiting = 0;
  #closed = false;

  /** @param directory that it is in, for messages */
  constructor(kv: Deno.Kv, lock: Deno.FsFile, directory: string) {
    this.#kv = kv;
    this.#directory = directory;
    this.#lock = lock;
  }

  /** Finds the revision to go on from and ends the leases of earlier processes. */
  async start(): Promise<void> {
    this.#revision = await markOpened(this.#kv);
    for (const key of await readMultipart(this.#kv)) this.#multipart.add(key);
    const leased = await readLeased(this.#kv);
    this.#leases.adopt(leased);
    await this.#deleteAll(leased);
  }

  async get(key: string): Promise<Entry | undefined> {
    checkKey(key);
    return await this.#alone(() => space.readOne(this.#kv, key));
  }

  async list(prefix: string): Promise<Entry[]> {
    return await this.#alone(() => space.readAll(this.#kv, prefix));
  }

  async commit(transaction: Transaction): Promise<CommitResult> {
    checkTransaction(transaction);
    return await this.#inLine(async () => {
      const { group, place } = this.#join(transaction);
      const outcome = (await group)[place]!;
      if (outcome.status === "rejected") throw outcome.reason;
      return outcome.value;
    });
  }

  /** Adds a transaction to those that wait in line last, where they can be committed as one; else it is a new line. */
  #join(transaction: Transaction): { group: Promise<Outcome[]>; place: number } {
    const last = this.#last;
    if (last?.members.take(transaction)) {
      return { group: last.outcomes, place: last.members.transactions.length - 1 };
    }
    const members = new Group(transaction);
    const outcomes = this.#turns.run(() => {
      if (this.#last?.members === members) this.#last = undefined;
      return this.#commitAll(members.transactions);
    });
    this.#last = { members, outcomes };
    return { group: outcomes, place: 0 };
  }

  async #commitAll(all: Transaction[]): Promise<Outcome[]> {
    if (all.length > 1) {
      try {
        const results = await this.#commit(all);
        return results.map((value) => ({ status: "fulfilled", value }));
      } catch {
        // Nothing was written. By itself each shows whether it was the one that can't be.
      }
    }
    const outcomes: Outcome[] = [];
    for (const one of all) {
      const [outcome] = await Promise.allSettled([this.#commit([one])]);
      outcomes.push(
        outcome.status === "rejected" ? outcome : { ...outcome, value: outcome.value[0]! },
      );
    }
    return outcomes;
  }

  /** Commits the transactions of a {@linkcode Group} whose checks hold, as one; the others fail by themselves. */
  async #commit(all: Transaction[]): Promise<CommitResult[]> {
    const together = merged(all);
    const { checks, puts, deletes } = together;
    for (const { puts = [] } of all) {
      for (const { lease } of puts) if (lease) this.#leases.use(lease);
    }
    // What lies under the keys matters only where there is more to it than one value: without that,
    // Deno KV checks by itself, and a commit is one call.
    const plain = puts.length > 0 && deletes.length === 0 &&
      puts.every(({ key }) => !this.#multipart.has(key) && !this.#leases.holds(key));
    if (plain && await this.#write({ puts, old: new Map() }, checks)) {
      return all.map(() => ({ ok: true, revision: this.#revision }));
    }
    // This process is the only writer and commits run alone: what was read can't change before the
    // write, so the checks are decided here, where the one that failed is known.
    const keys = plain ? checks.map(({ key }) => key) : keysOf(together);
    const old = await readOld(this.#kv, { keys, leased: (key) => this.#leases.holds(key) });
    const failed = all.map((one) => failedCheck(one, old));
    const rest = merged(all.filter((_, i) => failed[i] === undefined));
    const gone = rest.deletes.filter((key) => old.has(key));
    if (rest.puts.length + gone.length > 0) {
      await this.#write({ puts: rest.puts, deletes: gone, old });
    }
    return failed.map((key) =>
      key === undefined ? { ok: true, revision: this.#revision } : { ok: false, failed: key }
    );
  }

  /** Writes, and shows it to watches; tells whether the checks held. */
  async #write(
    { puts = [], deletes = [], old }: OldAndNew,
    checks: Check[] = [],
  ): Promise<boolean> {
    const atomic = this.#kv.atomic();
    addChecks(atomic, checks);
    addWrites(atomic, { puts, deletes, old });
    const result = await atomic.commit();
    if (!result.ok) return false;
    for (const { key, value } of puts) {
      if (isMultipart(value)) this.#multipart.add(key);
      else this.#multipart.delete(key);
    }
    for (const key of deletes) this.#multipart.delete(key);
    const revision = result.versionstamp;
    this.#revision = revision;
    for (const { key, lease } of puts) this.#leases.bind(key, lease);
    for (const key of deletes) this.#leases.bind(key, undefined);
    const changes: Change[] = [
      ...puts.map(({ key, value }): Change => ({ type: "put", entry: { key, value, revision } })),
      ...deletes.map((key): Change => ({ type: "delete", key, revision })),
    ];
    this.#watchers.publish({ type: "changes", changes, revision });
    return true;
  }

  watch(prefix: string, options?: WatchOptions): AsyncIterable<WatchEvent> {
    return this.#watchers.watch(prefix, options);
  }

  // deno-lint-ignore require-await -- the interface is asynchronous for the other backends
  async lease(ttl: number): Promise<Lease> {
    this.#refuseClosed();
    return this.#leases.grant(ttl);
  }

  async #deleteAll(keys: string[]): Promise<void> {
    for (let i = 0; i < keys.length; i += DELETE_BATCH) {
      const deletes = keys.slice(i, i + DELETE_BATCH);
      await this.#commit([{ deletes }]);
    }
  }

  #refuseClosed(): void {
    if (this.#closed) throw new NetsvcError("unavailable", "The embedded store is closed");
  }

  /** Runs `action` when all earlier ones are done. */
  async #alone<T>(action: () => Promise<T>): Promise<T> {
    return await this.#inLine(() => {
      this.#last = undefined; // What is committed from now on comes after it.
      return this.#turns.run(action);
    });
  }

  /** Counts what waits in line, up to a bound, and says what a failure means. */
  async #inLine<T>(wait: () => Promise<T>): Promise<T> {
    this.#refuseClosed();
    if (this.#waiting >= MAX_WAITING) {
      throw new NetsvcError("unavailable", "The embedded store is overloaded; try again");
    }
    this.#waiting++;
    try {
      return await wait();
    } catch (error) {
      if (error instanceof NetsvcError) throw error;
      throw new NetsvcError(
        "unavailable",
        unwritable(error, this.#directory) ?? `The embedded store failed: ${errorChain(error)[0]}`,
        { cause: error },
      );
    } finally {
      this.#waiting--;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#leases.close();
    this.#watchers.close();
    await this.#turns.idle();
    this.#kv.close();
    this.#lock.close();
  }
}

/** Options of {@linkcode openLocalStore}. */
export interface LocalStoreOptions {
  /** Directories where a copy of the store may lie while its own disk takes no writes. */
  scratch?: string[];
  /** Called when such a store takes writes again. */
  onBack?: () => void;
  /** Called when it is opened so, with why. */
  onSpare?: (why: string) => void;
}

/** The lock of a state directory, which is made if it is missing. */
async function openLock(directory: string): Promise<Deno.FsFile> {
  try {
    await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
    return await Deno.open(`${directory}/lock`, { create: true, write: true, mode: 0o600 });
  } catch (error) {
    // On a disk that accepts no writes, an existing one suffices.
    for (const name of unwritable(error, directory) === undefined ? [] : ["lock", "state.kv"]) {
      const file = await Deno.open(`${directory}/${name}`).catch(() => undefined);
      if (file) return file;
    }
    throw new NetsvcError(
      "unavailable",
      `Cannot use the state directory "${directory}": ${
        unwritable(error, directory) ?? errorChain(error)[0]
      }`,
      { cause: error },
    );
  }
}

/** The owner's alone, whatever made it; what SQLite makes beside it is as it is. */
function ownerOnly(file: string): void {
  for (const suffix of ["", "-wal", "-shm"]) {
    try {
      Deno.chmodSync(`${file}${suffix}`, 0o600);
    } catch {
      // It doesn't exist, or its file system is read-only.
    }
  }
}

/** Opens the file. @throws Deno KV's errors */
async function openFile(directory: string, lock: Deno.FsFile): Promise<LocalStore> {
  const file = `${directory}/state.kv`;
  ownerOnly(file);
  const kv = await Deno.openKv(file);
  ownerOnly(file);
  const store = new LocalStore(kv, lock, directory);
  try {
    await store.start();
    return store;
  } catch (error) {
    kv.close();
    throw error;
  }
}

/** Opens a copy, while the file itself can't be written. */
async function openSpare(
  directory: string,
  lock: Deno.FsFile,
  { scratch = [], onBack }: LocalStoreOptions,
  why: string,
): Promise<Store> {
  const copied = copyStore(`${directory}/state.kv`, scratch);
  try {
    return new SpareStore({
      ...{ why, ...onBack && { onBack } },
      copy: await openLocalStore(copied),
      reopen: () => openFile(directory, lock),
      explain: (error) => unwritable(error, directory),
      drop: () => removeCopy(copied),
      release: () => lock.close(),
    });
  } catch (error) {
    removeCopy(copied);
    throw error;
  }
}

/**
 * Opens the embedded store of a state directory, which is made if it is missing. Where there is one
 * and its disk takes no writes, it is opened all the same, and refuses changes.
 *
 * @throws {NetsvcError} `in_use` when another daemon has it, `unavailable` when it can't be opened
 */
export async function openLocalStore(
  directory: string,
  options: LocalStoreOptions = {},
): Promise<Store> {
  const lock = await openLock(directory);
  try {
    if (!lock.tryLockSync(true)) {
      throw new NetsvcError(
        "in_use",
        `The state directory "${directory}" is used by another netsvc daemon; stop it or choose ` +
          `another --state-dir`,
      );
    }
    return await openFile(directory, lock).catch(async (cause) => {
      const why = unwritable(cause, directory);
      const said = `Cannot open the store "${directory}/state.kv": ${why ?? errorChain(cause)[0]}`;
      if (why === undefined) {
        throw new NetsvcError(
          "unavailable",
          `${said}; restore it from a backup or move it away`,
          { cause },
        );
      }
      try {
        const store = await openSpare(directory, lock, options, why);
        options.onSpare?.(why);
        return store;
      } catch {
        throw new NetsvcError("unavailable", said, { cause });
      }
    });
  } catch (error) {
    lock.close();
    throw error;
  }
}
