/**
 * This host's membership in the cluster: its record, its lease, and the keys that say on which networks it is
 * alive while it holds the lease.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { backoff } from "../../lib/async/backoff.ts";
import { Signal } from "../../lib/async/signal.ts";
import { sleep } from "../../lib/async/sleep.ts";
import type { Lease, Put } from "../../kv/store.ts";
import type { Mirror } from "../model/mirror.ts";
import { hostRecords, memberRecords } from "../model/repository/hosts.ts";
import type { HostRecord, MemberRecord } from "../model/records.ts";
import { errorChain, isAway, NetsvcError } from "../../lib/api/errors.ts";
import { claimName } from "./name_claim.ts";
import { answers, type Ask, describeTwin, NameTaken, sameId, type Twin } from "./twins.ts";
import { shortId } from "../../lib/api/names.ts";

const log = getLogger(["netsvc", "cluster"]);
/** Pauses between attempts to register, in milliseconds. */
const RETRIES = { first: 300, longest: 4_500 };
/** Member keys written in one transaction. */
const BATCH = 32;
/** Beyond a lease's time to live, stores may take this long to end it, in milliseconds. */
const TAKEOVER_SLACK_MS = 5_000;

/** Options of {@linkcode Membership}. */
export interface MembershipOptions {
  /** Mirror of the shared store. */
  mirror: Mirror;
  /** Time to live of the lease, in milliseconds. */
  ttl: number;
  /** This host as it is now: its address may change. */
  self: () => HostRecord;
  /** Loads which endpoints this host backs. */
  prepare: () => Promise<void>;
  /** Networks whose services this host backs. */
  networks: () => string[];
  /** Whether the last daemon with this host's id may have been one of another machine. */
  suspect?: boolean;
}

/** The membership of this host. */
export class Membership {
  /** Emits when this host has registered anew: other hosts may have taken over its backends meanwhile. */
  readonly registered: Signal = new Signal();
  readonly #options: MembershipOptions;
  #lease: Lease | undefined;
  #registering: Promise<void> | undefined;
  /** Ends the pause between two attempts. */
  #retry = new AbortController();
  #registered: HostRecord | undefined;
  #twin: Twin | undefined;
  /** Why the last attempt to register failed. */
  #failure: string | undefined;
  #closed = false;

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  /**
   * Name of this host: the one it was given, unless another living host took it while this one was
   * silent. Then its id tells the two apart until one of them gets another name.
   */
  get name(): string {
    const { name, id } = this.#options.self();
    return this.#twin?.what === "name" ? `${name.slice(0, 50)}-${shortId(id)}` : name;
  }

  /** The name that this host was given. */
  get given(): string {
    return this.#options.self().name;
  }

  /** The other host, where two have one name or one id. */
  get twin(): Twin | undefined {
    return this.#twin;
  }

  /** Why this host isn't registered, in words, while it isn't and the store answers. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** This host's record as it should be in the store now. */
  get self(): HostRecord {
    return { ...this.#options.self(), name: this.name };
  }

  /** Underlay address of this host. */
  get address(): string | undefined {
    return this.#options.self().address;
  }

  /** The lease, while it is held. */
  get lease(): Lease | undefined {
    return this.#lease;
  }

  /**
   * Registers this host: at once, or, where the store doesn't answer, as soon as it does.
   *
   * @param ask other hosts; none is there unless given
   * @throws {NetsvcError} `exists` when another living host has the name, or the id
   */
  async start(ask: Ask = () => Promise.resolve(false)): Promise<void> {
    const deadline = performance.now() + this.#options.ttl + TAKEOVER_SLACK_MS;
    for (let first = true;; first = false) {
      try {
        if (first) await this.#refuseSameId(ask);
        return await this.#register();
      } catch (error) {
        if (!(error instanceof NetsvcError) || error.code !== "exists") {
          log.warn("This host isn't registered in the store yet: {cause}", {
            cause: errorChain(error).join(": "),
          });
          return this.#keepTrying();
        }
        // The owner may be a daemon that died a moment ago, with another state directory.
        if (!(error instanceof NameTaken) || performance.now() > deadline) throw error;
        if (first) await this.#waitFor(error, ask, deadline - performance.now());
        await sleep(500);
      }
    }
  }

  /** Logs which host's lease the start waits for. @throws the error itself when that host answers */
  async #waitFor(error: NameTaken, ask: Ask, ms: number): Promise<void> {
    if (await answers(ask, error.owner)) throw error;
    log.warn(
      "The host name {name} is that of host {owner}, whose daemon doesn't answer; waiting {seconds} s " +
        "at most for its lease to end",
      {
        name: JSON.stringify(this.name),
        owner: shortId(error.owner),
        seconds: Math.round(ms / 1000),
      },
    );
  }

  /** Refuses to start beside a host with the same id: a machine that was copied with its state directory. */
  async #refuseSameId(ask: Ask): Promise<void> {
    const { id } = this.#options.self();
    if (!this.#options.suspect) return;
    if (!await hostRecords.isAlive(this.#options.mirror.store, id)) return;
    if (await answers(ask, id)) throw sameId(id);
  }

  /** Ends the pause: the next attempt to register is made now. */
  hurry(): void {
    this.#retry.abort();
  }

  /**
   * Writes the record again where it changed (another address), with the members' keys; looks for other hosts
   * with this host's name or id.
   */
  async refresh(): Promise<void> {
    if (!this.#lease || !this.#registered) return;
    await this.#lookForTwin();
    if (JSON.stringify(this.self) === JSON.stringify(this.#registered)) return;
    await this.#register();
  }

  async #lookForTwin(): Promise<void> {
    const { mirror, self } = this.#options;
    const { id, name, started } = self();
    if (this.#twin?.what === "name") {
      // This host takes its name back when the other host has another name or is gone.
      const { id: owner } = await hostRecords.ownerOf(mirror.store, name);
      const alive = owner !== undefined && await hostRecords.isAlive(mirror.store, owner);
      if (owner === id || !alive) this.#twin = undefined;
      return;
    }
    const record = await hostRecords.get(mirror.store, id);
    // A record that was written after this daemon started is not an earlier daemon's of this host.
    if (record && record.started > started) {
      this.#setTwin({ what: "id", id, ...record.address && { address: record.address } });
    } else if (this.#twin?.what === "id") this.#twin = undefined;
  }

  #setTwin(twin: Twin): void {
    const known = this.#twin?.what === twin.what && this.#twin.id === twin.id;
    this.#twin = twin;
    if (known) return;
    log.error("{twin}", { twin: describeTwin(twin, this) });
  }

  /** The write that makes this host alive on a network. @throws {NetsvcError} `unavailable` */
  memberPut(network: string): Put {
    if (!this.#lease) {
      throw new NetsvcError(
        "unavailable",
        this.#failure === undefined
          ? "This host has lost its lease in the store and is taking a new one; try again"
          : `This host has lost its lease in the store and can't take a new one: ${this.#failure}`,
      );
    }
    const { id, name, address } = this.self;
    const record: MemberRecord = { host: id, name, ...address !== undefined && { address } };
    return memberRecords.put(network, record, this.#lease);
  }

  #register(): Promise<void> {
    return this.#registering ??= this.#registerOnce().finally(() => this.#registering = undefined);
  }

  async #registerOnce(): Promise<void> {
    const { mirror, ttl, prepare } = this.#options;
    await prepare();
    const held = this.#lease;
    const lease = held ?? await mirror.store.lease(ttl);
    try {
      const self = await this.#claim(lease);
      this.#lease = lease;
      const networks = this.#options.networks();
      for (let i = 0; i < networks.length; i += BATCH) {
        const puts = networks.slice(i, i + BATCH).map((network) => this.memberPut(network));
        await mirror.commit({ puts });
      }
      const again = this.#registered !== undefined && lease !== held;
      this.#registered = self;
      this.#failure = undefined;
      if (again) log.info("This host is registered in the store again");
    } catch (error) {
      // A lease that is held stays: the host is alive, and the next refresh writes what is missing.
      if (lease !== held) {
        this.#lease = undefined;
        await lease.revoke().catch(() => {}); // Otherwise it expires.
      }
      throw error;
    }
    if (lease !== held) this.#watch(lease);
    this.registered.emit();
  }

  /** Claims this host's name; after a long silence another host may have taken it. */
  async #claim(lease: Lease): Promise<HostRecord> {
    const { mirror } = this.#options;
    const self = this.self;
    const before = this.#registered?.name;
    try {
      await claimName(mirror, { self, lease, before });
      return self;
    } catch (error) {
      const known = this.#registered !== undefined && this.#twin === undefined;
      if (!known || !(error instanceof NameTaken)) throw error;
      const address = (await hostRecords.get(mirror.store, error.owner))?.address;
      this.#setTwin({ what: "name", id: error.owner, ...address !== undefined && { address } });
      const substitute = this.self;
      await claimName(mirror, { self: substitute, lease, before });
      return substitute;
    }
  }

  #watch(lease: Lease): void {
    lease.lost.then((cause) => {
      if (this.#lease !== lease || this.#closed) return;
      this.#lease = undefined;
      log.warn("This host lost its lease in the store: {cause}", {
        cause: errorChain(cause).join(": "),
      });
      this.#keepTrying();
    });
  }

  /** Retries the registration in the background until it succeeds. */
  #keepTrying(): void {
    (async () => {
      for (let failures = 1; !this.#closed && !this.#lease; failures++) {
        try {
          return await this.#register();
        } catch (error) {
          const cause = errorChain(error).join(": ");
          // `StoreLink` logs that the store is away.
          if (isAway(error) || cause === this.#failure) {
            log.debug("Cannot register: {cause}", { cause });
          } else log.warn("This host can't be registered in the store: {cause}", { cause });
          this.#failure = isAway(error) ? undefined : cause;
        }
        this.#retry = new AbortController();
        if (!this.#closed) await sleep(backoff(failures, RETRIES), this.#retry.signal);
      }
    })().catch((error) => log.error("Registering failed: {error}", { error }));
  }

  /**
   * Stops renewing. The lease isn't revoked: to other hosts, a daemon that returns before it expires was never
   * away, and its containers live on without the daemon.
   */
  close(): void {
    this.#closed = true;
    this.#retry.abort();
  }
}
