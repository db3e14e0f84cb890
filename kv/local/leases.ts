/**
 * Leases of an in-process store. The holder and the store are one process, so a lease renews itself
 * and is lost only when that process stood still for longer than the time to live, or ended.
 *
 * @module
 */
import { NetsvcError } from "../../server/wire/errors.ts";
import type { Lease } from "../store.ts";

/** A lease renews itself this many times within its time to live. */
const RENEWALS = 3;

class LocalLease implements Lease {
  readonly id = crypto.randomUUID();
  readonly lost: Promise<Error>;
  readonly keys = new Set<string>();
  readonly #timer: number;
  readonly #drop: (keys: string[]) => Promise<void>;
  #deadline: number;
  #ended = false;

  constructor(ttl: number, drop: (keys: string[]) => Promise<void>) {
    this.#drop = drop;
    this.#deadline = Date.now() + ttl;
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.lost = promise;
    this.#timer = setInterval(() => {
      if (Date.now() <= this.#deadline) {
        this.#deadline = Date.now() + ttl;
        return;
      }
      resolve(new NetsvcError("timeout", `The lease was not renewed within ${ttl} ms`));
      this.revoke().catch(() => {}); // The keys go at the next open at the latest.
    }, ttl / RENEWALS);
  }

  get live(): boolean {
    return !this.#ended && Date.now() <= this.#deadline;
  }

  async revoke(): Promise<void> {
    this.end();
    const keys = [...this.keys];
    this.keys.clear();
    if (keys.length > 0) await this.#drop(keys);
  }

  end(): void {
    this.#ended = true;
    clearInterval(this.#timer);
  }
}

/** The leases of one store. */
export class Leases {
  readonly #drop: (keys: string[]) => Promise<void>;
  readonly #all = new Map<string, LocalLease>();

  /** `drop` deletes keys in one transaction. */
  constructor(drop: (keys: string[]) => Promise<void>) {
    this.#drop = drop;
  }

  /** @param ttl in milliseconds */
  grant(ttl: number): Lease {
    const lease = new LocalLease(ttl, this.#drop);
    this.#all.set(lease.id, lease);
    return lease;
  }

  /** A lease that a transaction may use. @throws {NetsvcError} `conflict` when it was lost */
  use(lease: Lease): void {
    if (this.#all.get(lease.id)?.live) return;
    throw new NetsvcError("conflict", "The lease was lost or given up; take a new one");
  }

  /** A key was written: it belongs to this lease from now on, or to none. */
  bind(key: string, lease: Lease | undefined): void {
    for (const other of this.#all.values()) other.keys.delete(key);
    if (lease) this.#all.get(lease.id)?.keys.add(key);
  }

  /** Stops all renewals; the keys go at the next open. */
  close(): void {
    for (const lease of this.#all.values()) lease.end();
    this.#all.clear();
  }
}
