/**
 * Whether a shared store may be migrated: not while a daemon lives that knows only the old form, and would take
 * migrated objects for deleted.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type {
  Entry,
  Lease,
  ListOptions,
  Store,
  Transaction,
  WatchOptions,
} from "../../../kv/store.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { sleep } from "../../../lib/async/sleep.ts";
import { hostRecords } from "../repository/hosts.ts";
import { faultOf } from "../shared_records.ts";
import { FORM, formOf, migrate } from "./migrate.ts";

const log = getLogger(["netsvc", "store"]);
/** Interval at which the leases of daemons that were just stopped are checked, in milliseconds. */
const POLL_MS = 500;
/** Beyond a lease's time to live, stores may take this long to end it, in milliseconds. */
const SLACK_MS = 5_000;

/** The host that migrates. */
export interface MigrationOptions {
  /** Id of this host: no old daemon of it lives, since this daemon has its directories. */
  hostId: string;
  /** Time to live of leases, in milliseconds: a stopped daemon counts as alive for so long. */
  ttl: number;
}

/** Names of the other hosts whose living daemons know only the old form. */
export async function oldHosts(
  store: Pick<Store, "get" | "list">,
  hostId: string,
): Promise<string[]> {
  const alive = await hostRecords.aliveNames(store);
  const hosts = new Map((await hostRecords.list(store)).map((host) => [host.id, host]));
  return [...alive].filter(([id]) => id !== hostId && (hosts.get(id)?.form ?? 1) < FORM)
    .map(([, name]) => name).sort();
}

/**
 * Migrates a shared store as soon as no daemon of the old form lives.
 *
 * @throws {NetsvcError} `in_use` naming the hosts to stop first; as the store
 */
export async function migrateShared(
  store: Pick<Store, "get" | "list" | "commit">,
  { hostId, ttl }: MigrationOptions,
): Promise<void> {
  if (await formOf(store) === FORM) return;
  const deadline = performance.now() + ttl + SLACK_MS;
  for (let told = false;; told = true) {
    const old = await oldHosts(store, hostId);
    if (old.length === 0) break;
    const names = old.map((name) => JSON.stringify(name)).join(", ");
    if (performance.now() > deadline) {
      throw new NetsvcError(
        "in_use",
        `The store holds records of an earlier netsvc, which still runs on ${
          old.length === 1 ? "host" : "hosts"
        } ${names}; stop all its daemons, then start this one: containers go on meanwhile`,
      );
    }
    if (!told) {
      log.warn(
        "The store holds records of an earlier netsvc; waiting at most {seconds} s for the leases of {names}",
        { seconds: Math.round((ttl + SLACK_MS) / 1000), names },
      );
    }
    await sleep(POLL_MS);
  }
  // A record that no host would accept stays as it is: no host uses it, and a store may reject its size.
  const done = await migrate(store, ({ key, value }) => faultOf(key, value) === undefined);
  if (done > 0) {
    log.info("Migrated {done} services of the store to form {form}", { done, form: FORM });
  }
}

/** A shared store that is neither read nor written before it is migrated. */
export class MigratedStore implements Store {
  readonly provider: string;
  readonly #store: Store;
  readonly #options: MigrationOptions;
  #migrating: Promise<void> | undefined;

  /** @param store the caller closes it */
  constructor(store: Store, options: MigrationOptions) {
    this.provider = store.provider;
    this.#store = store;
    this.#options = options;
  }

  /** Migrates the store, once; retried after a failure. @throws {NetsvcError} */
  ready(): Promise<void> {
    return this.#migrating ??= migrateShared(this.#store, this.#options).catch((error) => {
      this.#migrating = undefined;
      throw error;
    });
  }

  async get(key: string): Promise<Entry | undefined> {
    await this.ready();
    return await this.#store.get(key);
  }

  async list(prefix: string, options?: ListOptions): Promise<Entry[]> {
    await this.ready();
    return await this.#store.list(prefix, options);
  }

  async commit(transaction: Transaction) {
    await this.ready();
    return await this.#store.commit(transaction);
  }

  async *watch(prefix: string, options: WatchOptions = {}) {
    while (!options.signal?.aborted) {
      try {
        await this.ready();
        break;
      } catch {
        await sleep(POLL_MS, options.signal); // Writers meanwhile get the reason.
      }
    }
    if (!options.signal?.aborted) yield* this.#store.watch(prefix, options);
  }

  async lease(ttl: number): Promise<Lease> {
    await this.ready();
    return await this.#store.lease(ttl);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
