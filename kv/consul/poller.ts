/**
 * What lies under one prefix, kept up to date by blocking queries. Consul's answer is always the
 * whole, of one moment; what changed, deletes included, is the difference from the answer before.
 * Source: Consul's HTTP API, "Blocking queries".
 *
 * @module
 */
import { backoff } from "../../lib/async/backoff.ts";
import { sleep } from "../../lib/async/sleep.ts";
import type { Change, Entry, Revision, WatchEvent } from "../store.ts";
import { changeKey, Watchers } from "../watchers.ts";

/** Longest pause between attempts, in milliseconds. */
export const MAX_PAUSE_MS = 2000;

type Snapshot = WatchEvent & { type: "snapshot" };
type Changes = WatchEvent & { type: "changes" };

/** A prefix as it is at one moment. */
export interface Listing {
  entries: Entry[];
  /** Consul's index; numbers compare, also where it went backwards. */
  index: number;
  revision: Revision;
}

/** Lists a prefix, when it is of a later moment than `index`. */
export type List = (prefix: string, index: number, signal: AbortSignal) => Promise<Listing>;

/** Watches under one prefix. */
export class Poller {
  readonly prefix: string;
  readonly watchers: Watchers<Snapshot, Changes>;
  /** Watches that use it. */
  users = 0;
  readonly #list: List;
  readonly #recovered: () => Promise<void>;
  readonly #stop = new AbortController();
  #entries = new Map<string, Entry>();
  #revision: Revision = "";
  /** Resolves when the entries are those of the store. */
  #fresh = Promise.withResolvers<void>();

  /** @param recovered resolves when the store answers again */
  constructor(prefix: string, list: List, recovered: () => Promise<void>) {
    this.prefix = prefix;
    this.#list = list;
    this.#recovered = recovered;
    this.watchers = new Watchers<Snapshot, Changes>({
      snapshot: async (wanted, from, signal) => {
        const aborted = new Promise<void>((resolve) =>
          signal.addEventListener("abort", () => resolve(), { once: true })
        );
        await Promise.race([this.#fresh.promise, aborted]);
        from();
        const entries = [...this.#entries.values()].filter(({ key }) => key.startsWith(wanted));
        return { type: "snapshot", entries, revision: this.#revision };
      },
      select: (event, wanted) => {
        const changes = event.changes.filter((change) => changeKey(change).startsWith(wanted));
        return changes.length === 0 ? undefined : { ...event, changes };
      },
    });
    this.#run();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let index = 0;
    for (let failures = 0; !signal.aborted;) {
      try {
        const listing = await this.#list(this.prefix, index, signal);
        failures = 0;
        // Of a store restored from a backup nothing is the successor of what was.
        if (index === 0 || listing.index < index) this.#reset(listing);
        else if (listing.index > index) this.#update(listing);
        index = Math.max(1, listing.index);
      } catch {
        if (signal.aborted) return;
        index = 0;
        await Promise.all([
          sleep(backoff(++failures, { longest: MAX_PAUSE_MS }), signal),
          this.#recovered(),
        ]);
      }
    }
  }

  #reset({ entries, revision }: Listing): void {
    this.#entries = new Map(entries.map((entry) => [entry.key, entry]));
    this.#revision = revision;
    this.#fresh.resolve();
    this.watchers.resync();
  }

  #update({ entries, revision }: Listing): void {
    const before = this.#entries;
    this.#entries = new Map(entries.map((entry) => [entry.key, entry]));
    this.#revision = revision;
    const changes: Change[] = [];
    for (const entry of entries) {
      if (before.get(entry.key)?.revision !== entry.revision) changes.push({ type: "put", entry });
    }
    for (const key of before.keys()) {
      if (!this.#entries.has(key)) changes.push({ type: "delete", key, revision });
    }
    if (changes.length > 0) this.watchers.publish({ type: "changes", changes, revision });
  }

  /** Ends it and its watches. */
  close(): void {
    this.#stop.abort();
    this.watchers.close();
  }
}
