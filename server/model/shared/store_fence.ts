/**
 * Keeps this host's containers from the store: nothing of theirs has any business there, and who writes
 * into it has a say on all hosts.
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
  /** As `--kv-store` names them. */
  endpoints: { host: string; port: number }[];
}

/** Tells the packet filter where the store is. */
export class StoreFence {
  readonly #options: StoreFenceOptions;
  /** Addresses of names, as they were when they were known last. */
  readonly #known = new Map<string, string[]>();
  #told: string | undefined;

  constructor(options: StoreFenceOptions) {
    this.#options = options;
  }

  /** Looks again where the store is; its names may lead elsewhere by now. Never fails. */
  async refresh(): Promise<void> {
    try {
      const found = await Promise.all(this.#options.endpoints.map(async ({ host, port }) => {
        const addresses = tryParseIp(host) ? [host] : await this.#addressesOf(host);
        return addresses.map((address): HostPort => ({ address, port }));
      }));
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
      // What was known of it last still holds.
    }
    return this.#known.get(name) ?? [];
  }
}
