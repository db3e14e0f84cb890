/**
 * The store in ZooKeeper. `layout.ts` defines the nodes.
 *
 * Each commit reads the nodes of its keys and sends one `multi` that succeeds only if they are unchanged;
 * after a change in between it reads them again. Reads are as ZooKeeper's are: monotonic per client, and they
 * may lag another client's by its server's lag.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { NetsvcError } from "../../lib/api/errors.ts";
import { backoff } from "../../lib/async/backoff.ts";
import { sleep } from "../../lib/async/sleep.ts";
import { checkKey, checkTransaction, onlyCreates } from "../keys.ts";
import type {
  Change,
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
import { Watchers } from "../watchers.ts";
import type { Connection } from "./connection.ts";
import { Follower, type FollowerEvent } from "./follower.ts";
import { inBatches, isDead, readSnapshot, type Snapshot, trimRecords } from "./history.ts";
import { Layout, revisionOf, splitKey } from "./layout.ts";
import { ZooKeeperLease } from "./leases.ts";
import { CODES } from "./library.ts";
import { Link } from "./link.ts";
import { type Plan, planTransaction } from "./plan.ts";
import { readState, revisionIn, type State } from "./state.ts";

/** Timeout of the session that reads, writes and watches, in milliseconds; nothing hangs on it. */
const SESSION_MS = 10_000;
/** Longest pause between two attempts to connect, in milliseconds. */
const PAUSE_MS = 1000;
/** Attempts at a transaction whose keys others change meanwhile. */
const ATTEMPTS = 50;
/** Longest pause between two of them, in milliseconds. */
const CONFLICT_MS = 200;
/** Attempts at a read whose connection ends. */
const READS = 2;

class ZooKeeperStore implements Store {
  readonly provider = "zookeeper";
  readonly #url: StoreUrl;
  readonly #renewals: Renewals;
  readonly #layout: Layout;
  readonly #link: Link;
  readonly #follower: Follower;
  readonly #leases = new Set<ZooKeeperLease>();
  readonly #closed = new AbortController();
  /** Deletions of nodes that no reader sees. */
  readonly #sweeps = new Set<Promise<void>>();
  readonly #watchers = new Watchers<Snapshot, FollowerEvent>({
    snapshot: (prefix, from, signal) => this.#snapshot(prefix, from, signal),
    select: (event, prefix) => {
      if (event.type === "leases") return event;
      const changes = event.changes.filter((change) =>
        (change.type === "put" ? change.entry.key : change.key).startsWith(prefix)
      );
      return changes.length === 0 ? undefined : { ...event, changes };
    },
    covers: (revision, event) => event.type === "changes" && event.revision <= revision,
  });

  constructor(url: StoreUrl, renewals: Renewals) {
    this.#url = url;
    this.#renewals = renewals;
    // What is opened next comes with the new files; sessions of leases go on.
    renewals.onRenewal(() => {
      this.#link.reconnect();
      for (const lease of this.#leases) lease.reconnect();
    });
    this.#layout = new Layout(url.prefix);
    this.#follower = new Follower(this.#layout, {
      publish: (event) => this.#watchers.publish(event),
      resync: (keys) =>
        this.#watchers.resync((prefix) => !keys || keys.some((key) => key.startsWith(prefix))),
    });
    this.#link = new Link({
      url,
      timeout: SESSION_MS,
      keepSession: false,
      pause: PAUSE_MS,
      prepare: async (connection) => {
        await makeSkeleton(connection, this.#layout);
        await this.#follower.start(connection);
      },
    });
  }

  async get(key: string): Promise<Entry | undefined> {
    checkKey(key);
    return await this.#read(async (connection) => {
      const node = (await readState({ connection, layout: this.#layout }, [key])).nodes.get(key);
      if (!node || node.dead) return undefined;
      return { key, value: node.value, revision: node.revision };
    });
  }

  async list(prefix: string): Promise<Entry[]> {
    return await this.#read(async (connection) => {
      const snapshot = await readSnapshot({ connection, layout: this.#layout }, prefix);
      this.#sweepSoon(snapshot);
      return snapshot.entries.map(plain);
    });
  }

  /** Reads, and once more when the connection ends meanwhile. */
  async #read<T>(action: (connection: Connection) => Promise<T>): Promise<T> {
    for (let attempt = 1;; attempt++) {
      const connection = await this.#link.connection();
      const started = performance.now();
      try {
        return await action(connection);
      } catch (error) {
        const code = error instanceof NetsvcError ? error.code : undefined;
        const cut = code === "unavailable" || code === "timeout";
        if (!cut || attempt === READS || performance.now() - started > 1000) throw error;
      }
    }
  }

  async commit(transaction: Transaction): Promise<CommitResult> {
    checkTransaction(transaction);
    const { checks = [], puts = [], deletes = [] } = transaction;
    for (const { key, lease } of puts) if (lease) this.#own(lease).keys.add(key);
    const keys = [...checks, ...puts].map(({ key }) => key).concat(deletes);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const connection = await this.#link.connection();
      let state: State | undefined;
      if (attempt > 0 || !onlyCreates(transaction)) {
        state = await readState({ connection, layout: this.#layout }, keys);
        const failed = (seen: State) =>
          checks.find(({ key, revision }) => revisionIn(seen, key) !== revision)?.key;
        if (failed(state) !== undefined) {
          // The server may be behind the one that answered another client: a write makes it catch up.
          await connection.multi([{ type: "check", path: this.#layout.head }]);
          state = await readState({ connection, layout: this.#layout }, keys);
          const key = failed(state);
          if (key !== undefined) return { ok: false, failed: key };
        }
      }
      const plan = planTransaction(this.#layout, transaction, state);
      if (plan.operations.length === 0) return { ok: true, revision: state!.head };
      const result = await connection.multi(plan.operations);
      if (result.ok) {
        if (plan.operations.at(-1)!.type !== "create") return { ok: true, revision: state!.head };
        trimRecords({ connection, layout: this.#layout }, result.paths.at(-1)!).catch(() => {});
        return { ok: true, revision: revisionOf(result.zxid) };
      }
      const lease = plan.leases.get(result.index);
      // Keys of another's lease are gone with it, which the next attempt sees.
      if (lease !== undefined && puts.some((put) => put.lease?.id === lease)) throw leaseLost();
      await this.#mend(connection, plan, result);
      if (attempt > 1) await sleep(backoff(attempt - 1, { longest: CONFLICT_MS }));
    }
    throw new NetsvcError(
      "conflict",
      `The transaction lost ${ATTEMPTS} races in ZooKeeper; try again`,
    );
  }

  /** Prepares another attempt at a plan that failed. */
  async #mend(
    connection: Connection,
    { creations }: Plan,
    { index, code }: { index: number; code: number },
  ): Promise<void> {
    const key = creations.get(index);
    if (key !== undefined && code === CODES.noNode) {
      const path = this.#layout.directory(splitKey(key)[0]);
      await connection.multi([{ type: "create", path }]);
    }
  }

  async *watch(prefix: string, options?: WatchOptions): AsyncGenerator<WatchEvent> {
    const leased = new Map<string, { lease: string; revision: string }>();
    let last = "";
    const note = (entry: Snapshot["entries"][number]) => {
      const { key, lease, revision } = entry;
      if (lease === undefined) leased.delete(key);
      else leased.set(key, { lease, revision });
    };
    for await (const event of this.#watchers.watch(prefix, options)) {
      if ("entries" in event) {
        leased.clear();
        event.entries.forEach(note);
        last = event.revision;
        yield { type: "snapshot", entries: event.entries.map(plain), revision: last };
        continue;
      }
      if (event.type === "leases") {
        const gone = [...leased].flatMap(([key, of]) => isDead(of, event.leases) ? [key] : []);
        if (gone.length === 0) continue;
        // The end of a session from before the changes that were published is published after them.
        const revision = last < event.leases.at ? event.leases.at : `${last}+`;
        last = revision;
        const changes = gone.map((key): Change => ({ type: "delete", key, revision }));
        for (const key of gone) leased.delete(key);
        yield { type: "changes", changes, revision };
        continue;
      }
      const changes = event.changes.map((change): Change => {
        if (change.type === "delete") {
          leased.delete(change.key);
          return change;
        }
        note(change.entry);
        return { type: "put", entry: plain(change.entry) };
      });
      last = event.revision;
      yield { type: "changes", changes, revision: last };
    }
  }

  async #snapshot(prefix: string, from: () => void, signal: AbortSignal): Promise<Snapshot> {
    for (let failures = 0;; failures++) {
      if (failures > 0) await sleep(backoff(failures, { longest: PAUSE_MS }), signal);
      signal.throwIfAborted();
      try {
        const connection = await this.#link.connection();
        from();
        const snapshot = await readSnapshot({ connection, layout: this.#layout }, prefix);
        this.#follower.observed(snapshot);
        this.#sweepSoon(snapshot);
        return snapshot;
      } catch {
        // The next attempt waits for a connection.
      }
    }
  }

  async lease(ttl: number): Promise<Lease> {
    await this.#link.connection(); // The nodes above the lease's are there then.
    const lease = await ZooKeeperLease.grant({
      url: this.#url,
      layout: this.#layout,
      drop: (ending) => this.#drop(ending),
    }, ttl);
    this.#leases.add(lease);
    return lease;
  }

  #own(lease: Lease): ZooKeeperLease {
    const own = lease as ZooKeeperLease;
    if (!this.#leases.has(own) || !own.live) throw leaseLost();
    return own;
  }

  async #drop(lease: ZooKeeperLease): Promise<void> {
    this.#leases.delete(lease);
    const connection = await this.#link.connection();
    await connection.multi([{ type: "delete", path: this.#layout.lease(lease.id) }]);
    await this.#sweep([...lease.keys]);
  }

  /** Deletes nodes that no reader sees, after a random pause: other clients found the same nodes. */
  #sweepSoon({ dead, empty }: Snapshot): void {
    if (dead.length + empty.length === 0 || this.#sweeps.size > 0) return;
    const sweep: Promise<void> = (async () => {
      await sleep(Math.random() * 1000, this.#closed.signal);
      if (this.#closed.signal.aborted) return;
      await this.#sweep(dead);
      const connection = await this.#link.connection();
      for (const path of empty) await connection.multi([{ type: "delete", path }]);
    })().catch(() => {}).finally(() => this.#sweeps.delete(sweep));
    this.#sweeps.add(sweep);
  }

  /** Deletes the nodes of keys whose lease has ended. To readers they were gone before. */
  async #sweep(keys: string[]): Promise<void> {
    if (keys.length === 0) return;
    const connection = await this.#link.connection();
    await inBatches(keys, async (key) => {
      const state = await readState({ connection, layout: this.#layout }, [key]);
      const node = state.nodes.get(key);
      if (!node?.dead) return;
      const fence = this.#layout.fence(key);
      await connection.multi([
        { type: "check", path: fence, version: state.fences.get(fence)! },
        { type: "delete", path: this.#layout.key(key), version: node.version },
      ]);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    this.#renewals.close();
    this.#watchers.close();
    await Promise.allSettled([...this.#leases].map((lease) => lease.abandon()));
    await Promise.allSettled(this.#sweeps);
    this.#follower.stop();
    await this.#link.close();
  }
}

function plain({ key, value, revision }: Entry): Entry {
  return { key, value, revision };
}

function leaseLost(): NetsvcError {
  return new NetsvcError("conflict", "The lease was lost or released; take a new one");
}

/** Makes the nodes above the keys, and lets the server catch up with all others. */
async function makeSkeleton(connection: Connection, layout: Layout): Promise<void> {
  const { head, root, skeleton } = layout;
  const there = await connection.multi([{ type: "check", path: head }]);
  if (there.ok) return;
  const segments = root.split("/").slice(1);
  for (const i of segments.keys()) {
    // It fails where the node exists already.
    await connection.multi([{ type: "create", path: `/${segments.slice(0, i + 1).join("/")}` }]);
  }
  const made = await connection.multi([
    ...skeleton.map((path) => ({ type: "create" as const, path })),
    { type: "create", path: head, data: Buffer.alloc(0) },
  ]);
  if (made.ok || made.code === CODES.nodeExists) return;
  throw new NetsvcError("unavailable", `ZooKeeper refuses the store's nodes: code ${made.code}`);
}

/** Opens the store in ZooKeeper. Doesn't connect: calls find out whether a server can be reached. */
// deno-lint-ignore require-await -- as all backends
export async function open(url: StoreUrl, renewals: Renewals): Promise<Store> {
  return new ZooKeeperStore(url, renewals);
}
