/**
 * Leases that a store keeps and their holder renews over the network. The holder judges by its own
 * monotonic clock, from the moment it *sent* the last renewal that succeeded: it never counts a
 * lease as held that the store may have ended.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import { sleep } from "../../lib/async/sleep.ts";
import type { Lease } from "../store.ts";

/** Renewals within one time to live. */
const RENEWALS = 3;
/** Retries of a failed renewal within one time to live. */
const RETRIES = 10;
/** Longest pause before such a retry, in milliseconds. */
const MAX_RETRY_MS = 1000;

/** How a store keeps one lease. */
export interface LeaseOperations {
  id: string;
  /** Time to live that the store granted, in milliseconds. */
  ttl: number;
  /** When the grant was asked for, of `performance.now()`. */
  asked: number;
  /** Renews it; `false`: the store has no such lease. Rejects when the store is away. */
  renew(): Promise<boolean>;
  /** Revokes it; succeeds also for a lease that has ended. */
  revoke(): Promise<void>;
  /** Possible reason when the store has no such lease. */
  whyEnded?: string;
  /** Called at its end, revoked or lost. */
  ended?(): void;
}

/** A lease that renews itself. */
export class RenewedLease implements Lease {
  readonly id: string;
  readonly lost: Promise<Error>;
  readonly #operations: LeaseOperations;
  readonly #lose: (error: Error) => void;
  readonly #stop = new AbortController();
  #deadline: number;
  #timer: number | undefined;
  #revoking: Promise<void> | undefined;

  constructor(operations: LeaseOperations) {
    this.#operations = operations;
    this.id = operations.id;
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.lost = promise;
    this.#lose = resolve;
    this.#deadline = operations.asked + operations.ttl;
    this.#watchDeadline();
    this.#renewals();
  }

  /** Whether it is surely held. */
  get live(): boolean {
    return !this.#stop.signal.aborted && performance.now() < this.#deadline;
  }

  /** Ends the lease as lost, after the store has reported its end or the deadline has passed. */
  lose(reason: string): void {
    if (this.#stop.signal.aborted) return;
    this.end();
    this.#lose(new NetsvcError("timeout", reason));
  }

  /** Stops renewing; the store ends it at its time. */
  end(): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    clearTimeout(this.#timer);
    this.#operations.ended?.();
  }

  revoke(): Promise<void> {
    this.end();
    return this.#revoking ??= this.#operations.revoke().catch((error) => {
      this.#revoking = undefined; // It may be tried again.
      throw error;
    });
  }

  #watchDeadline(): void {
    this.#timer = setTimeout(() => {
      if (performance.now() < this.#deadline) this.#watchDeadline();
      else this.lose(`The lease was not renewed within ${this.#operations.ttl} ms`);
    }, Math.max(1, this.#deadline - performance.now()));
  }

  async #renewals(): Promise<void> {
    const { ttl } = this.#operations;
    const { signal } = this.#stop;
    let wait = ttl / RENEWALS;
    for (;;) {
      await sleep(wait, signal);
      if (signal.aborted) return;
      const sent = performance.now();
      try {
        if (!await this.#operations.renew()) {
          const why = this.#operations.whyEnded ??
            "it was deleted there, or the store was restored from a backup";
          return this.lose(`The store ended the lease before its time: ${why}`);
        }
        this.#deadline = Math.max(this.#deadline, sent + ttl);
        wait = ttl / RENEWALS;
      } catch {
        wait = Math.min(ttl / RETRIES, MAX_RETRY_MS);
      }
    }
  }
}

/** The leases that one store holds. */
export class HeldLeases {
  readonly #held = new Map<string, RenewedLease>();

  /** Begins to renew a lease that was granted. */
  hold(operations: LeaseOperations): Lease {
    const ended = () => this.#held.delete(operations.id);
    const lease = new RenewedLease({ ...operations, ended });
    this.#held.set(lease.id, lease);
    return lease;
  }

  /** Refuses a lease that has ended, or another store's. @throws {NetsvcError} `conflict` */
  use({ id }: Lease): void {
    if (this.#held.get(id)?.live) return;
    throw new NetsvcError("conflict", "The lease was lost or released; take a new one");
  }

  /** Stops all renewals; the store ends the leases at their time. */
  close(): void {
    for (const lease of [...this.#held.values()]) lease.end();
  }
}
