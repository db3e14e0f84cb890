/**
 * The addresses of the cluster's hosts, as the voters have written them down.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Store } from "../../../kv/store.ts";
import { errorChain } from "../../../lib/api/errors.ts";
import { memberHosts } from "../control/records.ts";

const log = getLogger(["netsvc", "cluster"]);

/** Follows them until it is told to stop. */
export class MemberAddresses {
  #addresses = new Set<string>();

  has(address: string): boolean {
    return this.#addresses.has(address);
  }

  /** @param store the public part of the cluster's */
  async follow(store: Pick<Store, "watch" | "list">, signal: AbortSignal): Promise<void> {
    try {
      await this.#follow(store, signal);
    } catch (error) {
      if (signal.aborted) return;
      log.error("Addresses of the cluster's hosts aren't followed: {cause}", {
        cause: errorChain(error).join(": "),
      });
    }
  }

  async #follow(store: Pick<Store, "watch" | "list">, signal: AbortSignal): Promise<void> {
    for await (const _ of store.watch("hosts/", { signal })) {
      const hosts = await memberHosts.list(store, "hosts/").catch(() => undefined);
      // A store that is away doesn't make strangers of them.
      if (hosts) this.#addresses = new Set(hosts.map(({ address }) => address));
    }
  }
}
