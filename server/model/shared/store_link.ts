/**
 * The shared store as the daemon sees it: reachable, or away since some time. While it is away, writes fail at once
 * instead of each running into a deadline, and a single probe looks for its return.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { Signal } from "../../../lib/async/signal.ts";
import { atMost } from "../../../lib/async/deadline.ts";
import type {
  CommitResult,
  Entry,
  Lease,
  ListOptions,
  Store,
  Transaction,
  WatchEvent,
  WatchOptions,
} from "../../../kv/store.ts";
import type { Endpoint } from "../../../kv/url/url_parts.ts";
import { errorChain, isAway, isRefusal, NetsvcError } from "../../../lib/api/errors.ts";

const log = getLogger(["netsvc", "store"]);
/** Interval of probes while the store answers, in milliseconds. */
const PROBE_MS = 3_000;
/** Interval of probes while the store doesn't answer, in milliseconds. */
const PROBE_AWAY_MS = 500;
/** A probe before a write while the store is away may take this long, in milliseconds. */
const LAST_CHANCE_MS = 500;
/** The key that probes ask for; it never exists. */
const PROBE_KEY = "probe";

/** A store that remembers whether it answers. */
export class StoreLink implements Store {
  readonly provider: string;
  readonly #store: Store;
  readonly leaseAge?: (key: string) => Promise<number | undefined>;
  /** For messages; nothing in it is secret. */
  readonly #display: string;
  /** A store where this host may do all, or nothing any more: then the store is away for it. */
  readonly #own: boolean;
  readonly #back = new Signal();
  #away: { since: number; cause: unknown } | undefined;
  #timer: number | undefined;
  #closed = false;
  #latency: number | undefined;

  constructor(store: Store, display: string, { own = false }: { own?: boolean } = {}) {
    this.provider = store.provider;
    this.#own = own;
    this.#store = store;
    if (store.leaseAge) {
      this.leaseAge = async (key) => {
        this.#refuseReadsWhileAway();
        return await this.#observe(() => store.leaseAge!(key));
      };
    }
    this.#display = display;
    this.#schedule();
  }

  /** For messages: what and where the store is. */
  get display(): string {
    return this.#display;
  }

  /** Since when (Unix time in milliseconds) and why the store doesn't answer; `undefined` while it does. */
  get away(): { since: number; cause: unknown } | undefined {
    return this.#away;
  }

  /** Time of the last answered probe, in milliseconds. */
  get latency(): number | undefined {
    return this.#latency;
  }

  /** Calls back each time that the store answers again. */
  onBack(listener: () => void): () => void {
    return this.#back.subscribe(listener);
  }

  /** Asks the store for a key. @throws {NetsvcError} when it doesn't answer */
  async probe(): Promise<void> {
    const start = performance.now();
    await this.#observe(() => this.#store.get(PROBE_KEY));
    this.#latency = performance.now() - start;
  }

  async get(key: string): Promise<Entry | undefined> {
    this.#refuseReadsWhileAway();
    return await this.#observe(() => this.#store.get(key));
  }

  async list(prefix: string, options?: ListOptions): Promise<Entry[]> {
    this.#refuseReadsWhileAway();
    return await this.#observe(() => this.#store.list(prefix, options));
  }

  /** Refuses reads while the store is away: readers have an older answer, and the probes notice when it is back. */
  #refuseReadsWhileAway(): void {
    if (this.#away) throw awayError(this.#display, this.#away);
  }

  async commit(transaction: Transaction): Promise<CommitResult> {
    await this.refuseWhileAway();
    return await this.#observe(() => this.#store.commit(transaction));
  }

  watch(prefix: string, options?: WatchOptions): AsyncIterable<WatchEvent> {
    return this.#store.watch(prefix, options);
  }

  async lease(ttl: number): Promise<Lease> {
    await this.refuseWhileAway();
    return await this.#observe(() => this.#store.lease(ttl));
  }

  /** Other servers of the same store from now on. */
  useEndpoints(endpoints: readonly Endpoint[]): void {
    this.#store.useEndpoints?.(endpoints);
  }

  /**
   * Refuses a write while the store is away, after one quick probe: a write that went through late would surprise.
   *
   * @throws {NetsvcError} `unavailable` while the store is away
   */
  async refuseWhileAway(): Promise<void> {
    const away = this.#away;
    if (!away) return;
    await atMost(this.probe().catch(() => {}), LAST_CHANCE_MS);
    if (!this.#away) return;
    throw awayError(this.#display, away);
  }

  async #observe<T>(action: () => Promise<T>): Promise<T> {
    try {
      const result = await action();
      this.#answered();
      return result;
    } catch (error) {
      if (isAway(error) || this.#own && isRefusal(error)) this.#failed(error);
      else this.#answered();
      throw error;
    }
  }

  #answered(): void {
    if (!this.#away) return;
    log.info("The store {store} answers again", { store: this.#display });
    this.#away = undefined;
    this.#schedule();
    this.#back.emit();
  }

  #failed(cause: unknown): void {
    if (this.#away || this.#closed) return;
    log.warn("The store {store} doesn't answer: {cause}", {
      store: this.#display,
      cause: errorChain(cause).join(": "),
    });
    this.#away = { since: Date.now(), cause };
    this.#schedule();
  }

  /** Schedules the next probe: one at a time, each a while after the last has ended. */
  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    const pause = (this.#away ? PROBE_AWAY_MS : PROBE_MS) * (0.75 + Math.random() / 2);
    this.#timer = setTimeout(() => {
      this.probe().catch(() => {}).finally(() => this.#schedule());
    }, pause);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#store[Symbol.asyncDispose]();
  }
}

function awayError(
  store: string,
  { since, cause }: { since: number; cause: unknown },
): NetsvcError {
  const seconds = Math.max(1, Math.round((Date.now() - since) / 1000));
  return new NetsvcError(
    "unavailable",
    `The store "${store}" has not answered for ${seconds} s; reads, names and traffic go ` +
      `on, try the change again when it is back`,
    { cause },
  );
}
