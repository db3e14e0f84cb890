/**
 * Leases of etcd.
 *
 * @module
 */
import { NetsvcError } from "../../server/wire/errors.ts";
import { HeldLeases } from "../renewed_lease.ts";
import type { Lease } from "../store.ts";
import type { Rpc } from "./rpc.ts";

/** Time that one renewal may take, in milliseconds. */
const RENEW_MS = 3000;

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
    return this.#held.hold({
      id,
      ttl: Number(TTL) * 1000,
      asked,
      renew: () => this.#renew(id),
      revoke: () => this.#revoke(id),
    });
  }

  /** @throws {NetsvcError} `conflict` when the lease is no more */
  use(lease: Lease): void {
    this.#held.use(lease);
  }

  /** One renewal on a stream of its own: it has a deadline and leaves nothing behind. */
  async #renew(id: string): Promise<boolean> {
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
      RENEW_MS,
    );
    try {
      stream.write({ ID: id });
      return await promise;
    } finally {
      clearTimeout(timer);
      stream.cancel();
    }
  }

  async #revoke(id: string): Promise<void> {
    await this.#rpc.call("Lease/LeaseRevoke", { ID: id }, false).catch((error) => {
      // Not there: it has ended.
      if (!(error instanceof NetsvcError && error.code === "conflict")) throw error;
    });
  }

  /** Stops all renewals; the store ends the leases at their time. */
  close(): void {
    this.#held.close();
  }
}
