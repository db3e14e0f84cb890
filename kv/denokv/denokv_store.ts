/**
 * The store in a remote Deno KV. `records.ts` lists the keys beside entries.
 *
 * Revisions are versionstamps, which Deno KV checks by itself; each transaction writes a record to a
 * log that watches follow.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import { backoff } from "../../lib/async/backoff.ts";
import { sleep } from "../../lib/async/sleep.ts";
import { type LeasedEntry, replay } from "../change_log.ts";
import { type Head, Writes } from "./layout.ts";
import { byKey, checkKey, checkTransaction, onlyCreates } from "../keys.ts";
import type {
  CommitResult,
  Entry,
  Lease,
  Store,
  Transaction,
  WatchEvent,
  WatchOptions,
} from "../store.ts";
import type { Renewals } from "../leases/renewal.ts";
import type { StoreUrl } from "../url/store_url.ts";
import { changeKey, Watchers } from "../watchers.ts";
import { Client } from "./client.ts";
import { type Changes, Follower, plain } from "./follower.ts";
import { DenoKvLease, type LeaseHost, Reaper } from "./leases.ts";
import { packRecord, readLog, RemoteSpace } from "./records.ts";

/** Attempts at a transaction whose keys others change meanwhile. */
const ATTEMPTS = 50;
/** Attempts without a pause of a transaction that any other commit makes fail. */
const EAGER = 20;
/** Longest pause between two attempts, in milliseconds. */
const CONFLICT_MS = 200;
/** Attempts to read a state while others write. */
const READS = 8;
/** Longest pause between two attempts at a snapshot, in milliseconds. */
const PAUSE_MS = 1000;
/** Checks that one operation of a denokv server holds. */
const MAX_CHECKS = 10;
/** Keys of an ended lease that are deleted at once: each is checked, and the lease's beat. */
const REAP_BATCH = MAX_CHECKS - 1;

type Heads = Map<string, Head & { revision: string }>;
type Snapshot = Extract<WatchEvent, { type: "snapshot" }>;

class DenoKvStore implements Store {
  readonly provider = "denokv";
  readonly #client: Client;
  readonly #space: RemoteSpace;
  readonly #follower: Follower;
  readonly #reaper: Reaper;
  readonly #host: LeaseHost;
  readonly #leases = new Set<DenoKvLease>();
  readonly #watchers = new Watchers<Snapshot, Changes>({
    snapshot: (prefix, from, signal) => this.#snapshot(prefix, from, signal),
    select: ({ changes, ...rest }, prefix) => {
      const own = changes.filter((change) => changeKey(change).startsWith(prefix));
      return own.length === 0 ? undefined : { ...rest, changes: own };
    },
    covers: (revision, event) => event.revision <= revision,
  });
  readonly #renewals: Renewals;
  #closed = false;

  constructor(url: StoreUrl, renewals: Renewals) {
    this.#renewals = renewals;
    this.#client = new Client(url, renewals);
    this.#space = new RemoteSpace(url.prefix);
    this.#follower = new Follower(this.#client, this.#space, {
      publish: (event) => this.#watchers.publish(event),
      resync: (keys) =>
        this.#watchers.resync((prefix) => !keys || keys.some((key) => key.startsWith(prefix))),
    });
    this.#host = {
      client: this.#client,
      space: this.#space,
      reap: (id, beat) => this.#reap(id, beat),
    };
    this.#reaper = new Reaper(this.#host);
  }

  async get(key: string): Promise<Entry | undefined> {
    checkKey(key);
    const entry = await this.#space.readOne(this.#client, key);
    return entry && plain(entry);
  }

  async list(prefix: string): Promise<Entry[]> {
    return (await this.#read(prefix)).entries;
  }

  /** Reads all keys with a prefix as they were at one transaction. */
  async #read(prefix: string): Promise<Snapshot> {
    for (let attempt = 0; attempt < READS; attempt++) {
      const before = (await this.#client.get(this.#space.last)).versionstamp ?? "";
      const found = new Map<string, LeasedEntry>();
      for (const entry of await this.#space.readAll(this.#client, prefix)) {
        found.set(entry.key, entry);
      }
      const part = await readLog({ client: this.#client, space: this.#space }, { from: before });
      if (!part) continue;
      const known = part.records.flatMap(({ revision, changes }) =>
        changes ? { revision, changes } : []
      );
      if (known.length !== part.records.length || !replay(known, { found, prefix })) continue;
      const revision = known.at(-1)?.revision ?? before;
      this.#follower.observed(revision, part.id);
      return { type: "snapshot", entries: [...found.values()].map(plain).sort(byKey), revision };
    }
    throw new NetsvcError("unavailable", "Deno KV's store changes faster than it can be read");
  }

  async #snapshot(prefix: string, from: () => void, signal: AbortSignal): Promise<Snapshot> {
    for (let failures = 0;; failures++) {
      if (failures > 0) await sleep(backoff(failures, { longest: PAUSE_MS }), signal);
      signal.throwIfAborted();
      try {
        await this.#follower.ready;
        from();
        return await this.#read(prefix);
      } catch {
        // The store is away.
      }
    }
  }

  async commit(transaction: Transaction): Promise<CommitResult> {
    checkTransaction(transaction);
    const { checks = [], puts = [], deletes = [] } = transaction;
    const leases = new Set(puts.flatMap(({ lease }) => lease ? [this.#own(lease)] : []));
    const keys = [...checks, ...puts].map(({ key }) => key).concat(deletes);
    // Where the server takes no more checks, that of the head stands for all: it fails for every
    // other transaction of the store.
    const whole = checks.length + leases.size > MAX_CHECKS;
    let heads: Heads = new Map();
    let last: string | null = null;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const next: string | undefined = whole && last !== null
        ? await this.#untouchedSince(last, keys)
        : undefined;
      if (next !== undefined) last = next;
      else if (attempt > 0 || whole || !onlyCreates(transaction)) {
        const reading = this.#client.get(this.#space.last);
        if (whole) await reading; // Before all else.
        const found = this.#space.readHeads(this.#client, keys);
        [{ versionstamp: last }, heads] = await Promise.all([reading, found]);
        const failed = checks.find(({ key, revision }) =>
          (heads.get(key)?.revision ?? null) !== revision
        );
        if (failed) return { ok: false, failed: failed.key };
      }
      const idle = puts.length === 0 && deletes.every((key) => !heads.has(key));
      // One check was just seen to hold, and several can't be seen so at one moment.
      if (idle && checks.length < 2) return { ok: true, revision: last ?? "" };
      const done = whole
        ? await this.#writeAlone(transaction, heads, leases, last)
        : await this.#write(transaction, heads, leases);
      if (done) return { ok: true, revision: idle ? last ?? "" : done.revision };
      for (const lease of leases) await this.#refuseEnded(lease);
      // A transaction that any other commit makes fail gains nothing by waiting.
      const patient = whole ? EAGER : 1;
      if (attempt > patient) await sleep(backoff(attempt - patient, { longest: CONFLICT_MS }));
    }
    throw new NetsvcError(
      "conflict",
      `The transaction lost ${ATTEMPTS} races in Deno KV; try again`,
    );
  }

  /**
   * The last transaction, if none since `last` changed one of the keys. That is one call where reading
   * the keys again takes several, in which others write: a large transaction would never come to pass.
   */
  async #untouchedSince(last: string, keys: string[]): Promise<string | undefined> {
    const own = new Set(keys);
    const part = await readLog({ client: this.#client, space: this.#space }, { from: last });
    const untouched = part?.records.every(({ changes }) =>
      changes?.every(({ key }) => !own.has(key))
    );
    return untouched ? part!.records.at(-1)?.revision ?? last : undefined;
  }

  /** Writes unless another client has since `last`. */
  async #writeAlone(
    { puts, deletes }: Transaction,
    heads: Heads,
    leases: Iterable<DenoKvLease>,
    last: string | null,
  ): Promise<{ revision: string } | undefined> {
    for (const lease of leases) await this.#refuseEnded(lease);
    return await this.#write(
      { puts: puts ?? [], deletes: deletes ?? [] },
      heads,
      [],
      (_writes, atomic) => atomic.check({ key: this.#space.last, versionstamp: last }),
      { most: 0 },
    );
  }

  /** @param heads the current heads of the keys; without those of keys that are only created */
  async #write(
    { checks = [], puts = [], deletes = [] }: Transaction,
    heads: Heads,
    leases: Iterable<DenoKvLease> = [],
    also: (writes: Writes, atomic: Deno.AtomicOperation) => void = () => {},
    { most = MAX_CHECKS, recorded = false } = {},
  ): Promise<{ revision: string } | undefined> {
    const space = this.#space;
    return await this.#client.commit((atomic) => {
      const wanted = new Map<Deno.KvKey, string | null>();
      for (const { key, revision } of checks) wanted.set(space.head(key), revision);
      for (const { id, granted } of leases) wanted.set(space.lease(id), granted);
      const checked = new Set(checks.map(({ key }) => key));
      // Old parts and leases are removed according to the current heads. Where another client changes these
      // meanwhile, and there is no room for a check, some stay that are never read.
      for (const key of [...deletes, ...puts.map(({ key }) => key)]) {
        if (wanted.size >= most) break;
        if (!checked.has(key)) wanted.set(space.head(key), heads.get(key)?.revision ?? null);
      }
      for (const [key, versionstamp] of wanted) atomic.check({ key, versionstamp });
      const writes = new Writes(atomic, space);
      for (const { key, value, lease } of puts) {
        const old = heads.get(key);
        writes.put(key, value, old?.parts, lease?.id);
        if (lease) writes.set(space.own(lease.id, key), true, 1);
        if (old?.lease !== undefined && old.lease !== lease?.id) {
          writes.remove(space.own(old.lease, key));
        }
      }
      const gone = deletes.filter((key) => heads.has(key));
      for (const key of gone) {
        const { parts, lease } = heads.get(key)!;
        writes.delete(key, parts);
        if (lease !== undefined) writes.remove(space.own(lease, key));
      }
      also(writes, atomic);
      if (puts.length + gone.length > 0 || recorded) {
        const record = packRecord({ puts, deletes: gone });
        writes.set(space.last, true, 1);
        writes.append(space.log, record, (key) => atomic.appendTo(key, record));
      }
      writes.refuseTooLarge();
    });
  }

  watch(prefix: string, options?: WatchOptions): AsyncIterable<WatchEvent> {
    return this.#watchers.watch(prefix, options);
  }

  async lease(ttl: number): Promise<Lease> {
    const lease = await DenoKvLease.grant(this.#host, ttl);
    this.#leases.add(lease);
    lease.lost.then(() => this.#leases.delete(lease));
    return lease;
  }

  #own(lease: Lease): DenoKvLease {
    const own = lease as DenoKvLease;
    if (!this.#leases.has(own) || !own.live) throw leaseLost();
    return own;
  }

  async #refuseEnded({ id, granted }: DenoKvLease): Promise<void> {
    const { versionstamp } = await this.#client.get(this.#space.lease(id));
    if (versionstamp !== granted) throw leaseLost();
  }

  /** Ends a lease: first, with what fits, in one transaction, so that no key can be put with it. */
  async #reap(id: string, beat?: string): Promise<void> {
    const space = this.#space;
    for (const lease of this.#leases) if (lease.id === id) this.#leases.delete(lease);
    let ended = false;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const indexed: string[] = [];
      for await (const { key } of this.#client.list({ prefix: space.owned(id) })) {
        indexed.push(key.at(-1) as string);
      }
      if (indexed.length === 0 && ended) {
        await this.#client.commit((atomic) => atomic.delete(space.beat(id)));
        return;
      }
      const some = indexed.slice(0, REAP_BATCH);
      const heads = await space.readHeads(this.#client, some);
      const deletes = some.filter((key) => heads.get(key)?.lease === id);
      const done = await this.#write({ deletes }, heads, [], (writes, atomic) => {
        if (!ended && beat !== undefined) {
          atomic.check({ key: space.beat(id), versionstamp: beat });
        }
        // The beat goes last: by it others find a lease whose reaper dies before all keys are deleted.
        writes.remove(space.lease(id));
        for (const key of some) writes.remove(space.own(id, key));
        // Recorded, so that transactions that check the head in place of the lease fail too. One check is
        // left for the beat.
      }, { most: MAX_CHECKS - 1, recorded: !ended });
      if (done) {
        ended = true;
        attempt = 0;
      } else if (beat !== undefined && !ended) {
        const now = await this.#client.get(space.beat(id));
        if (now.versionstamp !== beat) return; // It was renewed, or another was faster.
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#renewals.close();
    this.#watchers.close();
    await Promise.all([...this.#leases].map((lease) => lease.abandon()));
    await this.#reaper.close();
    await this.#follower.close();
    this.#client.close();
  }
}

function leaseLost(): NetsvcError {
  return new NetsvcError("conflict", "The lease was lost or released; take a new one");
}

/** Opens the store in a remote Deno KV. Doesn't connect: calls find out whether it can be reached. */
// deno-lint-ignore require-await -- as all backends
export async function open(url: StoreUrl, renewals: Renewals): Promise<Store> {
  return new DenoKvStore(url, renewals);
}
