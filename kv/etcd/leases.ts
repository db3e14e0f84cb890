/**
 * Leases of etcd.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import { HeldLeases } from "../leases/renewed_lease.ts";
import type { Lease } from "../store.ts";
import type { Rpc } from "./rpc.ts";

/** Least time that one renewal gets, in milliseconds; between the bounds it is a quarter of the lease's. */
const MIN_RENEW_MS = 1000;
/** Most time that one renewal gets, in milliseconds. */
const MAX_RENEW_MS = 3000;

/** The leases of one store. */
export class EtcdLeases {
  readonly #rpc: Rpc;
  readonly #held = new HeldLeases();

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
  }

  /** @param ttl in milliseconds; etcd rounds up to seconds, and to at least 2 as it is set up */
  async grant(ttl: number): Promise<Lease> {
    const asked = performance.now();
    const { ID: id, TTL } = await this.#rpc.call(
      "Lease/LeaseGrant",
      { TTL: `${Math.max(1, Math.ceil(ttl / 1000))}` },
      false, // One too many ends by itself.
    );
    const granted = Number(TTL) * 1000;
    const within = Math.max(MIN_RENEW_MS, Math.min(MAX_RENEW_MS, granted / 4));
    return this.#held.hold({
      id,
      ttl: granted,
      asked,
      renew: () => this.#renew(id, within),
      revoke: () => this.#revoke(id),
    });
  }

  /** @throws {NetsvcError} `conflict` when the lease has ended */
  use(lease: Lease): void {
    this.#held.use(lease);
  }

  /** One renewal on a stream of its own: it has a deadline and leaves nothing behind. */
  async #renew(id: string, within: number): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    promise.catch(() => {});
    const stream = await this.#rpc.stream("Lease/LeaseKeepAlive", {
      data: ({ TTL }) => resolve(Number(TTL) > 0),
      end: reject,
    });
    const timer = setTimeout(
      () => {
        stream.abandon();
        reject(new NetsvcError("timeout", "The lease's renewal was not answered in time"));
      },
      within,
    );
    try {
      stream.write({ ID: id });
      return await promise;
    } finally {
      clearTimeout(timer);
      stream.cancel();
    }
  }

  /** How long ago at least a lease was renewed, in milliseconds; `undefined` for one that has ended. */
  async age(id: string): Promise<number | undefined> {
    const { TTL, grantedTTL } = await this.#rpc.call("Lease/LeaseTimeToLive", { ID: id }, false);
    const left = Number(TTL);
    // etcd says whole seconds of what is left: up to one more is.
    return left < 0 ? undefined : Math.max(0, Number(grantedTTL) - left - 1) * 1000;
  }

  async #revoke(id: string): Promise<void> {
    await this.#rpc.call("Lease/LeaseRevoke", { ID: id }, false).catch((error) => {
      // A lease that doesn't exist has ended already.
      if (!(error instanceof NetsvcError && error.code === "conflict")) throw error;
    });
  }

  /** Stops all renewals; the store ends the leases at their time. */
  close(): void {
    this.#held.close();
  }
}
