/**
 * Leases of an in-process store. The holder and the store are one process, so a lease renews itself
 * and is lost only when that process stood still for longer than the time to live, or ended.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import type { Lease } from "../store.ts";

/** A lease renews itself this many times within its time to live. */
const RENEWALS = 3;

/** Deletes the keys that `take` returns at its turn in the queue, in one transaction. */
type Drop = (take: () => string[]) => Promise<void>;

class LocalLease implements Lease {
  readonly id = crypto.randomUUID();
  readonly lost: Promise<Error>;
  readonly #timer: number;
  readonly #drop: () => Promise<void>;
  // Of the monotonic clock: a step of the wall clock is no loss.
  #deadline: number;
  #ended = false;

  constructor(ttl: number, drop: (lease: LocalLease) => Promise<void>) {
    this.#drop = () => drop(this);
    this.#deadline = performance.now() + ttl;
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.lost = promise;
    this.#timer = setInterval(() => {
      if (performance.now() <= this.#deadline) {
        this.#deadline = performance.now() + ttl;
        return;
      }
      resolve(new NetsvcError("timeout", `The lease was not renewed within ${ttl} ms`));
      this.revoke().catch(() => {}); // The keys go at the next open at the latest.
    }, ttl / RENEWALS);
  }

  get live(): boolean {
    return !this.#ended && performance.now() <= this.#deadline;
  }

  async revoke(): Promise<void> {
    this.end();
    await this.#drop();
  }

  end(): void {
    this.#ended = true;
    clearInterval(this.#timer);
  }
}

/** The leases of one store. */
export class Leases {
  readonly #drop: Drop;
  readonly #live = new Map<string, LocalLease>();
  /** Keys and the ids of the leases that they were put with. */
  readonly #owners = new Map<string, string>();

  constructor(drop: Drop) {
    this.#drop = drop;
  }

  /** @param ttl in milliseconds */
  grant(ttl: number): Lease {
    const lease = new LocalLease(ttl, async ({ id }) => {
      if (!this.#live.delete(id) && !this.#owns(id)) return;
      // Taken at its turn: until then keys may still be bound to the lease, or to another.
      await this.#drop(() => [...this.#owners].flatMap(([key, owner]) => owner === id ? key : []));
    });
    this.#live.set(lease.id, lease);
    return lease;
  }

  #owns(id: string): boolean {
    return this.#owners.values().some((owner) => owner === id);
  }

  /** Refuses a lease that has ended. @throws {NetsvcError} `conflict` */
  use(lease: Lease): void {
    if (this.#live.get(lease.id)?.live) return;
    throw new NetsvcError("conflict", "The lease was lost or released; take a new one");
  }

  /** Whether a key was put with a lease. */
  holds(key: string): boolean {
    return this.#owners.has(key);
  }

  /** A key was written: it belongs to this lease from now on, or to none. */
  bind(key: string, lease: Lease | undefined): void {
    if (lease) this.#owners.set(key, lease.id);
    else this.#owners.delete(key);
  }

  /** Keys of leases of an earlier process: to be deleted. */
  adopt(keys: string[]): void {
    for (const key of keys) this.#owners.set(key, "");
  }

  /** Stops all renewals; the keys go at the next open. */
  close(): void {
    for (const lease of this.#live.values()) lease.end();
    this.#live.clear();
    this.#owners.clear();
  }
}
