/**
 * This host in the cluster: its record, its lease, and the keys that tell, as long as the lease is
 * held, on which networks it is alive.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Lease, Put, Transaction } from "../../kv/store.ts";
import type { Mirror } from "../mirror.ts";
import { keys } from "../state/keys.ts";
import type { HostRecord, MemberRecord } from "../state/records.ts";
import { errorChain, NetsvcError } from "../wire/errors.ts";
import { shortId } from "../wire/names.ts";

const log = getLogger(["netsvc", "cluster"]);
/** Pause between two attempts to register, in milliseconds; grows to the second. */
const MIN_RETRY_MS = 200, MAX_RETRY_MS = 3_000;
/** Member keys written in one transaction. */
const BATCH = 32;
/** Beyond a lease's time to live, stores may take this long to end it, in milliseconds. */
const TAKEOVER_SLACK_MS = 5_000;

/** Options of {@linkcode Membership}. */
export interface MembershipOptions {
  /** Of the shared store. */
  mirror: Mirror;
  /** Time to live of the lease, in milliseconds. */
  ttl: number;
  /** This host as it is now: its address may change. */
  self: () => HostRecord;
  /** Makes known what this host backs. */
  prepare: () => Promise<void>;
  /** Networks whose services this host backs. */
  networks: () => string[];
  /** Called when the host is registered anew: what was its own may be somebody else's. */
  onRegistered: () => void;
}

/** The membership of this host. */
export class Membership {
  readonly #options: MembershipOptions;
  #lease: Lease | undefined;
  #registering: Promise<void> | undefined;
  #retry: { timer: number; wake: () => void } | undefined;
  #registered: HostRecord | undefined;
  #closed = false;

  constructor(options: MembershipOptions) {
    this.#options = options;
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
   * @throws {NetsvcError} `exists` when another living host has the name
   */
  async start(): Promise<void> {
    const deadline = performance.now() + this.#options.ttl + TAKEOVER_SLACK_MS;
    while (true) {
      try {
        return await this.#register();
      } catch (error) {
        if (!(error instanceof NetsvcError) || error.code !== "exists") {
          log.warn("This host isn't registered in the store yet: {cause}", {
            cause: errorChain(error).join(": "),
          });
          return this.#keepTrying();
        }
        // It may be a daemon that died a moment ago, with another state directory.
        if (performance.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    }
  }

  /** Tries now what would be tried later. */
  hurry(): void {
    this.#retry?.wake();
  }

  /** Writes the record again where it changed (another address), and the members' keys with it. */
  async refresh(): Promise<void> {
    if (!this.#lease || !this.#registered) return;
    if (JSON.stringify(this.#options.self()) === JSON.stringify(this.#registered)) return;
    await this.#register();
  }

  /** The write that makes this host alive on a network. @throws {NetsvcError} `unavailable` */
  memberPut(network: string): Put {
    if (!this.#lease) {
      throw new NetsvcError(
        "unavailable",
        "This host has lost its lease in the store and is taking a new one; try again",
      );
    }
    const { id, name, address } = this.#options.self();
    const record: MemberRecord = { host: id, name, ...address !== undefined && { address } };
    return { key: keys.member(network, id), value: JSON.stringify(record), lease: this.#lease };
  }

  #register(): Promise<void> {
    return this.#registering ??= this.#registerOnce().finally(() => this.#registering = undefined);
  }

  async #registerOnce(): Promise<void> {
    const { mirror, ttl, prepare } = this.#options;
    await prepare();
    const self = this.#options.self();
    const held = this.#lease;
    const lease = held ?? await mirror.store.lease(ttl);
    try {
      await this.#claimName(self, lease);
      this.#lease = lease;
      const networks = this.#options.networks();
      for (let i = 0; i < networks.length; i += BATCH) {
        const puts = networks.slice(i, i + BATCH).map((network) => this.memberPut(network));
        await mirror.commit({ puts });
      }
    } catch (error) {
      // One that is held goes on: the host is alive, and the next refresh writes what is missing.
      if (lease !== held) {
        this.#lease = undefined;
        await lease.revoke().catch(() => {}); // It ends by itself.
      }
      throw error;
    }
    const again = this.#registered !== undefined;
    this.#registered = self;
    if (lease !== held) this.#watch(lease);
    if (again) log.info("This host is registered in the store again");
    this.#options.onRegistered();
  }

  /** Puts the host's record, its name and its lease's key. */
  async #claimName(self: HostRecord, lease: Lease): Promise<void> {
    const { mirror } = this.#options;
    const nameKey = keys.hostName(self.name);
    const owner = await mirror.store.get(nameKey);
    const other = owner && JSON.parse(owner.value) as string;
    const checks = [{ key: nameKey, revision: owner?.revision ?? null }];
    const deletes: string[] = [];
    if (other !== undefined && other !== self.id) {
      if (await mirror.store.get(keys.hostLease(other))) {
        throw new NetsvcError(
          "exists",
          `The host name "${self.name}" is that of another living host (${shortId(other)}); give ` +
            `this one a name of its own with --host-name`,
        );
      }
      checks.push({ key: keys.hostLease(other), revision: null });
      deletes.push(keys.host(other));
      log.info("Took the name of host {other}, which is gone", { other: shortId(other) });
    }
    const transaction: Transaction = {
      checks,
      puts: [
        { key: keys.host(self.id), value: JSON.stringify(self) },
        { key: nameKey, value: JSON.stringify(self.id) },
        { key: keys.hostLease(self.id), value: JSON.stringify(self.name), lease },
      ],
      deletes,
    };
    const result = await mirror.commit(transaction);
    if (result.ok) return;
    throw new NetsvcError("conflict", `The host name "${self.name}" was taken at the same time`);
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

  /** Registers in the background, however long it takes. */
  #keepTrying(): void {
    (async () => {
      let pause = MIN_RETRY_MS;
      while (!this.#closed && !this.#lease) {
        try {
          return await this.#register();
        } catch (error) {
          log.debug("Cannot register: {cause}", { cause: errorChain(error).join(": ") });
        }
        await this.#pause(pause * (0.5 + Math.random()));
        pause = Math.min(pause * 2, MAX_RETRY_MS);
      }
    })().catch((error) => log.error("Registering failed: {error}", { error }));
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#retry = undefined;
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#retry = { timer, wake };
      if (this.#closed) wake();
    });
  }

  /**
   * Stops renewing. The lease isn't given up: a daemon that is back before it ends has never been
   * away, and its containers live on without it.
   */
  close(): void {
    this.#closed = true;
    this.#retry?.wake();
  }
}
