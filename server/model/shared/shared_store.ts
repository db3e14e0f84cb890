/**
 * How a daemon opens the shared store: connects, resumes from its snapshot while the store is away, and registers.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { openStore } from "../../../kv/open.ts";
import type { Entry } from "../../../kv/store.ts";
import { parseStoreUrl } from "../../../kv/url/url.ts";
import { Mirror } from "../mirror.ts";
import { keys } from "../keys.ts";
import { backedRecords } from "../repository/hosts.ts";
import { serviceRecords } from "../repository/services.ts";
import type { State } from "../state.ts";
import { errorChain, isAway, isRefusal } from "../../../lib/api/errors.ts";
import { migrated } from "../migration/migrate.ts";
import { MigratedStore, type MigrationOptions } from "../migration/old_hosts.ts";
import { Admission } from "./admission.ts";
import { GuardedStore } from "./guarded_store.ts";
import { Interests } from "./subscriptions.ts";
import { Snapshot } from "./snapshot.ts";
import { StoreLink } from "./store_link.ts";

const log = getLogger(["netsvc", "cluster"]);
/** Prefixes that a daemon follows, whatever its networks are. */
const FOLLOWED = [keys.networks, keys.hosts, keys.tunnels, keys.rotation];

/** Options of {@linkcode SharedStore.open}. */
export interface SharedStoreOptions extends MigrationOptions {
  stateDir: string;
  /** For credentials; this program's environment unless given. */
  env?: Record<string, string>;
  /** Names a store whose endpoints may change. */
  display?: string;
  /** It is the cluster's own: a start waits for it, whatever it says, or whoever is in its place. */
  own?: boolean;
}

/** The shared store, as far as it is known. */
export class SharedStore {
  readonly mirror: Mirror;
  readonly interests: Interests;
  /** Absent for the embedded store, which is always there. */
  readonly link: StoreLink | undefined;
  /** Checks the store's records; checks nothing for a store of this host alone. */
  readonly admission: Admission;
  readonly #snapshot: Snapshot | undefined;
  readonly #before: Map<string, Entry[]>;
  #loaded: boolean;

  private constructor(
    mirror: Mirror,
    interests: Interests,
    admission: Admission = new Admission(),
    link?: StoreLink,
    snapshot?: Snapshot,
    before: Map<string, Entry[]> = new Map(),
  ) {
    this.mirror = mirror;
    this.interests = interests;
    this.admission = admission;
    this.link = link;
    this.#snapshot = snapshot;
    this.#before = before;
    this.#loaded = link === undefined || before.size > 0;
  }

  /** The embedded store, of this host alone. */
  static local(mirror: Mirror): SharedStore {
    return new SharedStore(mirror, new Interests(mirror));
  }

  /**
   * Opens the store that `--kv-store` names.
   *
   * @param flag the value of `--kv-store`
   * @param options where its copy is, and who migrates it
   * @throws {NetsvcError} `invalid`, `unauthorized`, `unsupported`: faults that don't pass by themselves
   */
  static async open(flag: string, options: SharedStoreOptions): Promise<SharedStore> {
    const { stateDir, env = Deno.env.toObject() } = options;
    const { display = parseStoreUrl(flag, env).display, own = false } = options;
    const link = new StoreLink(await openStore(flag, { stateDir, env, own }), display, { own });
    const admission = new Admission();
    const migratedStore = new MigratedStore(link, options);
    const mirror = new Mirror(new GuardedStore(migratedStore, admission));
    const snapshot = new Snapshot(`${stateDir}/shared.json`, display, mirror);
    // Another version or another program may have written the file: its records are checked like the store's own.
    const before = new Map(
      [...migrated(snapshot.read())].map((
        [prefix, entries],
      ) => [prefix, admission.all(prefix, entries)]),
    );
    const interests = new Interests(mirror, link);
    const shared = new SharedStore(mirror, interests, admission, link, snapshot, before);
    try {
      await link.probe();
      await migratedStore.ready();
      await Promise.all(FOLLOWED.map((prefix) => mirror.follow(prefix)));
    } catch (error) {
      if (!isAway(error) && !(own && isRefusal(error))) {
        await shared.close();
        throw error;
      }
      shared.#seed(errorChain(error).join(": "));
    }
    return shared;
  }

  #seed(cause: string): void {
    log.warn(
      "The store {store} doesn't answer ({cause}); starting with what was known of it: {n} keys",
      {
        store: this.link!.display,
        cause,
        n: this.#before.values().reduce((sum, entries) => sum + entries.length, 0),
      },
    );
    for (const prefix of FOLLOWED) {
      this.mirror.follow(prefix).catch(() => {}); // It goes on when the store is back.
    }
    for (const prefix of this.#before.keys()) {
      if (prefix.startsWith(keys.services)) this.interests.begin(prefix.split("/")[1]!);
    }
    for (const [prefix, entries] of this.#before) this.mirror.seed(prefix, entries);
  }

  /**
   * Whether it is known what this host backs: from the store, or from the snapshot. Until then nothing of it may be
   * taken for a leftover.
   */
  get loaded(): boolean {
    return this.#loaded;
  }

  /** Follows the networks whose services this host backs. @throws {NetsvcError} `unavailable` */
  async loadOwn(state: State): Promise<void> {
    const backed = await backedRecords.of(this.mirror.store, state.hostId);
    const networks = new Set(backed.map(({ network }) => network));
    if (this.link) {
      await Promise.all(FOLLOWED.map((prefix) => this.mirror.follow(prefix)));
      await Promise.all([...networks].map((network) => this.interests.ensure(network)));
      if (!this.#loaded || this.#before.size > 0) this.#tellLost(state);
    }
    this.#loaded = true;
  }

  /** Logs which services this host backed when it last saw them and that another host backs now. */
  #tellLost(state: State): void {
    const before = [...this.#before.values()].flat();
    const names = new Map(
      before.filter(({ key }) => key.startsWith(keys.services))
        .flatMap((entry) => serviceRecords.read(entry)?.record ?? [])
        .map(({ id, name }) => [id, name]),
    );
    for (const entry of before.filter(({ key }) => key.startsWith(keys.endpoints))) {
      const was = serviceRecords.readEndpoint(entry)?.record;
      if (!was || was.backend?.hostId !== state.hostId) continue;
      const now = state.services.get(was.id)?.record;
      if (now?.backend?.hostId === state.hostId || !this.interests.has(was.network)) continue;
      log.info("Detached service {service} of network {network}: {why}", {
        service: names.get(was.service) ?? was.service,
        network: state.networks.get(was.network)?.record.name ?? was.network,
        why: now?.backend
          ? `it is attached on host "${now.backend.host}" now`
          : now
          ? "it was detached from another host"
          : "it was unpublished",
      });
    }
    this.#before.clear();
  }

  /** Closes the store; the snapshot keeps what is known. */
  async close(): Promise<void> {
    await this.#snapshot?.close();
    if (!this.link) return;
    await this.mirror.close();
    await this.link[Symbol.asyncDispose]();
  }
}
