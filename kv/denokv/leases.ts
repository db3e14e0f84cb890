/**
 * Leases of a store whose server has none: the holder sets a key periodically, and any client that has
 * not seen it change for the time to live deletes the keys of the lease. Each client judges by its own
 * monotonic clock, and the deletion commits only if the lease is unchanged since.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import { atMost } from "../../lib/async/deadline.ts";
import { sleep } from "../../lib/async/sleep.ts";
import type { Lease } from "../store.ts";
import type { Client } from "./client.ts";
import type { RemoteSpace } from "./records.ts";

/** A lease is renewed so many times within its time to live. */
const RENEWALS = 4;
/** How often leases of others are looked at, in milliseconds. */
const LOOK_MS = 500;

/** The value of a beat. */
interface Beat {
  /** Time to live in milliseconds. */
  ttl: number;
}

/** What a lease needs of its store. */
export interface LeaseHost {
  client: Client;
  space: RemoteSpace;
  /** Deletes a lease and its keys, if its beat is still this one. */
  reap(id: string, beat?: string): Promise<void>;
}

/** A lease that this process holds. */
export class DenoKvLease implements Lease {
  readonly id: string = crypto.randomUUID();
  readonly lost: Promise<Error>;
  /** Versionstamp of its grant: transactions that put keys with it check it. */
  granted = "";
  readonly #host: LeaseHost;
  readonly #ttl: number;
  readonly #stop = new AbortController();
  readonly #lose: (reason: Error) => void;
  #renewing: Promise<void> = Promise.resolve();
  /** When a renewal that succeeded was sent, of the monotonic clock. */
  #renewed = performance.now();
  #ending: Promise<void> | undefined;

  private constructor(host: LeaseHost, ttl: number) {
    this.#host = host;
    this.#ttl = ttl;
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.lost = promise;
    this.#lose = resolve;
  }

  /** @param ttl in milliseconds */
  static async grant(host: LeaseHost, ttl: number): Promise<DenoKvLease> {
    const lease = new DenoKvLease(host, ttl);
    const { client, space } = host;
    const done = await client.commit((atomic) =>
      atomic.set(space.lease(lease.id), {}).set(space.beat(lease.id), { ttl } satisfies Beat)
    );
    lease.granted = done!.revision;
    lease.#renewing = lease.#renew();
    return lease;
  }

  /** Whether it is neither revoked nor lost, as far as is known here. */
  get live(): boolean {
    return !this.#stop.signal.aborted && performance.now() < this.#renewed + this.#ttl;
  }

  async #renew(): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      const left = () => this.#renewed + this.#ttl - performance.now();
      await sleep(Math.max(1, Math.min(this.#ttl / RENEWALS, left())), signal);
      if (signal.aborted) return;
      if (left() <= 0) {
        return this.#fail(
          new NetsvcError("timeout", `The lease was not renewed within ${this.#ttl} ms`),
        );
      }
      const renewing = this.#renewOnce();
      await atMost(renewing, left(), signal);
      if (signal.aborted) return await renewing;
    }
  }

  async #renewOnce(): Promise<void> {
    const { client, space } = this.#host;
    const sent = performance.now();
    try {
      const done = await client.commit((atomic) =>
        atomic.check({ key: space.lease(this.id), versionstamp: this.granted })
          .set(space.beat(this.id), { ttl: this.#ttl } satisfies Beat)
      );
      if (done) this.#renewed = Math.max(this.#renewed, sent);
      else {this.#fail(
          new NetsvcError("unavailable", "The lease ended: it was not renewed in time"),
        );}
    } catch {
      // The deadline decides.
    }
  }

  #fail(reason: Error): void {
    if (this.#stop.signal.aborted) return;
    // Its keys are left to the reapers: after an outage these give the holder time to get another lease and
    // to move its keys there before any reader misses them.
    this.#stop.abort();
    this.#lose(reason);
  }

  async revoke(): Promise<void> {
    this.#stop.abort();
    this.#ending ??= this.#host.reap(this.id).catch(() => {});
    await Promise.all([this.#ending, this.#renewing]);
  }

  /** Stops renewing; others end it at its time. */
  async abandon(): Promise<void> {
    this.#stop.abort();
    await this.#renewing;
  }
}

/** Watches over the leases of all, and ends those that are not renewed. */
export class Reaper {
  readonly #host: LeaseHost;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  /** The last beat of each lease, and when it was first seen, of the monotonic clock. */
  readonly #beats = new Map<string, { stamp: string; since: number }>();
  /** Whether the last read of the beats failed, and when one succeeded last, of the monotonic clock. */
  #away = false;
  #looked = performance.now();

  constructor(host: LeaseHost) {
    this.#host = host;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      // By chance, so that not all hosts ask at once.
      await sleep(LOOK_MS * (0.75 + Math.random() / 2), signal);
      if (signal.aborted) return;
      try {
        await this.#look();
      } catch {
        // The store is away, so no holder can renew.
        this.#away = true;
      }
    }
  }

  async #look(): Promise<void> {
    const { client, space, reap } = this.#host;
    const asked = performance.now();
    const found = new Map<string, { stamp: string; ttl: number }>();
    for await (const { key, value, versionstamp } of client.list({ prefix: space.beats })) {
      found.set(key.at(-1) as string, { stamp: versionstamp, ttl: (value as Beat).ttl });
    }
    const now = performance.now();
    // The time of an outage counts against no lease.
    if (this.#away) { for (const known of this.#beats.values()) known.since += now - this.#looked; }
    this.#away = false;
    this.#looked = now;
    for (const id of this.#beats.keys()) if (!found.has(id)) this.#beats.delete(id);
    for (const [id, { stamp, ttl }] of found) {
      const known = this.#beats.get(id);
      if (known?.stamp !== stamp) this.#beats.set(id, { stamp, since: now });
      else if (asked - known.since >= ttl) await reap(id, stamp).catch(() => {}); // Soon again.
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}
