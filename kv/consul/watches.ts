/**
 * The watches of one store. Consul takes a connection for each blocking query and lets one client
 * have 200 (`http_max_conns_per_client`), so many watches share a query of a shorter prefix.
 *
 * @module
 */
import { backoff } from "../../lib/async/backoff.ts";
import { sleep } from "../../lib/async/sleep.ts";
import type { WatchEvent, WatchOptions } from "../store.ts";
import { type List, MAX_PAUSE_MS, Poller } from "./poller.ts";

/** Blocking queries at once before watches share, leaving connections to other requests. */
const MAX_POLLERS = 64;

export class ConsulWatches {
  readonly #list: List;
  readonly #pollers = new Map<string, Poller>();
  readonly #ping: () => Promise<void>;
  readonly #stop = new AbortController();
  #recovering: Promise<void> | undefined;

  /** @param ping rejects when the store doesn't answer */
  constructor(list: List, ping: () => Promise<void>) {
    this.#list = list;
    this.#ping = ping;
  }

  /** One watch. */
  async *watch(prefix: string, options: WatchOptions = {}): AsyncGenerator<WatchEvent> {
    if (this.#stop.signal.aborted) return;
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
    const poller = new Poller(own, this.#list, () => this.#recovered());
    this.#pollers.set(own, poller);
    return poller;
  }

  /** One probe for all watches whether the store answers again. */
  #recovered(): Promise<void> {
    return this.#recovering ??= this.#recover().finally(() => this.#recovering = undefined);
  }

  async #recover(): Promise<void> {
    const { signal } = this.#stop;
    for (let failures = 1; !signal.aborted; failures++) {
      await sleep(backoff(failures, { longest: MAX_PAUSE_MS }), signal);
      if (signal.aborted || await this.#ping().then(() => true, () => false)) return;
    }
  }

  /** Ends all watches. */
  close(): void {
    this.#stop.abort();
    for (const poller of this.#pollers.values()) poller.close();
  }
}
