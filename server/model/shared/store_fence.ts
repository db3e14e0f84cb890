/**
 * Blocks this host's containers from the store: they have no business there, and a client that can write into it
 * affects all hosts.
 *
 * @module
 */
import { lookup } from "node:dns/promises";
import { getLogger } from "@logtape/logtape";
import type { HostGuard, HostPort } from "../../../drivers/bridge/host_guard.ts";
import { tryParseIp } from "../../../lib/ip/cidr.ts";
import { errorChain } from "../../../lib/api/errors.ts";

const log = getLogger(["netsvc", "store"]);

/** What {@linkcode StoreFence} is made of. */
export interface StoreFenceOptions {
  guard: Pick<HostGuard, "setStore">;
  /** What is to be out of reach, as it is known now: names or addresses, and ports. */
  endpoints: () => readonly { host: string; port: number }[];
}

/** Sets the store's addresses in the packet filter. */
export class StoreFence {
  readonly #options: StoreFenceOptions;
  /** Last known addresses of names. */
  readonly #known = new Map<string, string[]>();
  #told: string | undefined;

  constructor(options: StoreFenceOptions) {
    this.#options = options;
  }

  /** Resolves the store's names again, which may have other addresses by now. Never fails. */
  async refresh(): Promise<void> {
    try {
      const found = await Promise.all(
        this.#options.endpoints().map(async ({ host, port }) => {
          const addresses = tryParseIp(host) ? [host] : await this.#addressesOf(host);
          return addresses.map((address): HostPort => ({ address, port }));
        }),
      );
      const text = JSON.stringify(found);
      if (text === this.#told) return;
      await this.#options.guard.setStore(found.flat());
      this.#told = text;
    } catch (error) {
      log.error("Cannot keep containers from the store: {cause}", {
        cause: errorChain(error).join(": "),
      });
    }
  }

  async #addressesOf(name: string): Promise<string[]> {
    try {
      const all = (await lookup(name, { all: true })).map(({ address }) => address)
        .filter((address) => tryParseIp(address) !== undefined);
      if (all.length > 0) this.#known.set(name, all);
    } catch {
      // Its last known addresses stay.
    }
    return this.#known.get(name) ?? [];
  }
}
