/**
 * Leases: each is a session of its own, whose timeout is the time to live, with one ephemeral node.
 * ZooKeeper's servers have bounds for that, 2 to 20 times their tickTime (4 s to 40 s by default).
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import { atMost } from "../../lib/async/deadline.ts";
import { sleep } from "../../lib/async/sleep.ts";
import type { Lease } from "../store.ts";
import type { StoreUrl } from "../url/store_url.ts";
import type { Connection } from "./connection.ts";
import type { Layout } from "./layout.ts";
import { Link } from "./link.ts";

/** A lease is renewed so many times within its time to live. */
const RENEWALS = 4;

/** What a lease needs of its store. */
export interface LeaseHost {
  url: StoreUrl;
  layout: Layout;
  /** Deletes the lease's node by the store's own session. */
  drop(lease: ZooKeeperLease): Promise<void>;
}

export class ZooKeeperLease implements Lease {
  readonly id: string = crypto.randomUUID().replaceAll("-", "");
  readonly lost: Promise<Error>;
  /** Keys that were put with it. */
  readonly keys = new Set<string>();
  readonly #host: LeaseHost;
  readonly #link: Link;
  readonly #stop = new AbortController();
  readonly #lose: (reason: Error) => void;
  /** Time to live that the server granted, in milliseconds. */
  #ttl: number;
  /** When a renewal that succeeded was sent, of the monotonic clock. */
  #renewed = performance.now();
  #made = false;
  #ending: Promise<void> | undefined;

  private constructor(host: LeaseHost, ttl: number) {
    this.#host = host;
    this.#ttl = ttl;
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.lost = promise;
    this.#lose = resolve;
    this.#link = new Link({
      url: host.url,
      timeout: ttl,
      keepSession: true,
      pause: ttl / 8,
      prepare: (connection) => this.#prepare(connection),
      expired: () => this.#fail(new NetsvcError("unavailable", "The lease's session expired")),
    });
  }

  /** @param ttl in milliseconds */
  static async grant(host: LeaseHost, ttl: number): Promise<ZooKeeperLease> {
    const lease = new ZooKeeperLease(host, ttl);
    try {
      await lease.#link.connection();
    } catch (error) {
      await lease.end();
      throw error;
    }
    lease.#renew();
    return lease;
  }

  /** Whether it is neither revoked nor lost, as far as is known here. */
  get live(): boolean {
    return !this.#stop.signal.aborted && performance.now() < this.#renewed + this.#ttl;
  }

  async #prepare(connection: Connection): Promise<void> {
    const sent = performance.now();
    this.#ttl = connection.timeout;
    const path = this.#host.layout.lease(this.id);
    if (this.#made) {
      if (await connection.stat(path)) this.#renewed = sent;
      return;
    }
    const made = await connection.multi([{ type: "create", path, mode: "ephemeral" }]);
    // The node exists already where the answer to the first attempt was lost.
    if (!made.ok && !await connection.stat(path)) {
      throw new NetsvcError("unavailable", `ZooKeeper refuses a lease: code ${made.code}`);
    }
    this.#made = true;
    this.#renewed = sent;
  }

  async #renew(): Promise<void> {
    const { signal } = this.#stop;
    // The server's clock for the session starts later than ours: the holder notices the loss first.
    while (!signal.aborted) {
      const left = this.#renewed + this.#ttl - performance.now();
      if (left <= 0) {
        return this.#fail(
          new NetsvcError("timeout", `The lease was not renewed within ${this.#ttl} ms`),
        );
      }
      await atMost(this.#renewOnce(), left, signal);
      const pause = Math.min(this.#ttl / RENEWALS, this.#renewed + this.#ttl - performance.now());
      await sleep(Math.max(pause, 1), signal);
    }
  }

  async #renewOnce(): Promise<void> {
    try {
      const connection = await this.#link.connection();
      const sent = performance.now();
      const stat = await connection.stat(this.#host.layout.lease(this.id));
      if (stat) this.#renewed = Math.max(this.#renewed, sent);
      else this.#fail(new NetsvcError("unavailable", "Somebody deleted the lease"));
    } catch {
      // The link connects again; the clock decides.
    }
  }

  #fail(reason: Error): void {
    if (this.#stop.signal.aborted) return;
    this.#lose(reason);
    this.revoke().catch(() => {}); // Without renewals the server ends it.
  }

  async revoke(): Promise<void> {
    this.#stop.abort();
    this.#ending ??= this.#revoke();
    await this.#ending;
  }

  async #revoke(): Promise<void> {
    // On failure the server deletes the node when the session expires.
    await Promise.allSettled([this.#host.drop(this), this.#link.close()]);
  }

  /** Continues the session on another connection. */
  reconnect(): void {
    this.#link.reconnect();
  }

  /** Stops renewing; the server ends the session at its time. */
  async abandon(): Promise<void> {
    this.#stop.abort();
    await this.#link.abandon();
  }

  /** Ends the session alone. */
  async end(): Promise<void> {
    this.#stop.abort();
    await this.#link.close();
  }
}
