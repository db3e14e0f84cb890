/**
 * Which hosts are alive on which networks, from the keys that hosts hold with their leases.
 *
 * A host that vanishes while the watch runs has lost its lease. One that is missing after a gap may only return a
 * moment later than this host (the store was restarted, and all leases were lost): it counts as alive for a while
 * longer, so that an outage of the store takes no name out of DNS.
 *
 * @module
 */
import type { Change } from "../../kv/store.ts";
import type { Origin } from "./mirror.ts";
import { memberRecords } from "./repository/hosts.ts";
import type { MemberRecord } from "./records.ts";

/** Members of networks. */
export class Members {
  readonly #grace: number;
  readonly #gone: (network: string, host: string) => void;
  readonly #networks = new Map<string, Map<string, MemberRecord>>();
  /** Timers of hosts that were missing after a gap, by key. */
  readonly #missing = new Map<string, number>();

  /**
   * @param grace how long a host that is missing after a gap counts as alive, in milliseconds
   * @param gone called with the network and the host when that time is over
   */
  constructor(grace: number, gone: (network: string, host: string) => void) {
    this.#grace = grace;
    this.#gone = gone;
  }

  has(network: string, host: string): boolean {
    return this.#networks.get(network)?.has(host) ?? false;
  }

  get(network: string, host: string): MemberRecord | undefined {
    return this.#networks.get(network)?.get(host);
  }

  /** Takes one change of `members/NETWORK/HOST`; returns the network if its members have changed. */
  apply(change: Change, origin: Origin): string | undefined {
    const key = change.type === "put" ? change.entry.key : change.key;
    const [, network, host] = key.split("/") as [string, string, string];
    const suspect = this.#missing.has(key);
    this.#clear(key);
    if (change.type === "put") {
      const record = memberRecords.read(change.entry)?.record;
      if (!record) return undefined;
      const old = this.get(network, host);
      const members = this.#networks.get(network);
      if (members) members.set(host, record);
      else this.#networks.set(network, new Map([[host, record]]));
      // A renewal after a gap changes nothing that other parts see.
      return old?.address === record.address && old?.name === record.name ? undefined : network;
    }
    if (origin === "resync" && this.#grace > 0 && this.has(network, host)) {
      this.#missing.set(
        key,
        setTimeout(() => {
          this.#missing.delete(key);
          this.#remove(network, host);
          this.#gone(network, host);
        }, this.#grace),
      );
      return undefined;
    }
    return this.#remove(network, host) || suspect ? network : undefined;
  }

  #remove(network: string, host: string): boolean {
    const members = this.#networks.get(network);
    const had = members?.delete(host) ?? false;
    if (members?.size === 0) this.#networks.delete(network);
    return had;
  }

  #clear(key: string): void {
    clearTimeout(this.#missing.get(key));
    this.#missing.delete(key);
  }

  /** Stops the timers. */
  close(): void {
    for (const timer of this.#missing.values()) clearTimeout(timer);
    this.#missing.clear();
  }
}
