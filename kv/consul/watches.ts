/**
 * The watches of one store. Consul takes a connection for each blocking query and lets one client
 * have 200 (`http_max_conns_per_client`), so many watches share a query of a shorter prefix.
 *
 * @module
 */
import type { WatchEvent, WatchOptions } from "../store.ts";
import { type List, Poller } from "./poller.ts";

/** Blocking queries at once before watches share, leaving connections to other requests. */
const MAX_POLLERS = 64;

/** See the module. */
export class ConsulWatches {
  readonly #list: List;
  readonly #pollers = new Map<string, Poller>();
  #closed = false;

  constructor(list: List) {
    this.#list = list;
  }

  /** One watch. */
  async *watch(prefix: string, options: WatchOptions = {}): AsyncGenerator<WatchEvent> {
    if (this.#closed) return;
    const poller = this.#poller(prefix);
    poller.users++;
    try {
      yield* poller.watchers.watch(prefix, options);
    } finally {
      if (--poller.users === 0) {
        poller.close();
        this.#pollers.delete(poller.prefix);
      }
    }
  }

  #poller(prefix: string): Poller {
    const shared = this.#pollers.get(prefix);
    if (shared) return shared;
    // Of many, those of one first segment share.
    const slash = prefix.indexOf("/");
    const wide = slash === -1 ? "" : prefix.slice(0, slash + 1);
    const own = this.#pollers.size < MAX_POLLERS ? prefix : wide;
    const found = this.#pollers.get(own);
    if (found) return found;
    const poller = new Poller(own, this.#list);
    this.#pollers.set(own, poller);
    return poller;
  }

  /** Ends all watches. */
  close(): void {
    this.#closed = true;
    for (const poller of this.#pollers.values()) poller.close();
  }
}
