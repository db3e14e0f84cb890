/**
 * All watches of one store over one stream. After a break the next stream may not
 * continue the last one (the store may have been restored from a backup meanwhile), so each watch then
 * begins with a fresh snapshot.
 *
 * A stream keeps the login that it was opened with. When that is over (the token's lifetime, another
 * password, logins switched off and on), etcd refuses new watches, by an answer that since 3.5 doesn't even
 * name the watch. So a watch counts from the moment that etcd has confirmed it, and where one is refused
 * all of them go to a new stream.
 *
 * Whether a stream is alive is asked by a watch of one unused key, which is ended at once. Asked for its
 * progress, etcd since 3.6 is silent for as long as there are no writes: the watches are of a revision to come.
 *
 * @module
 */
import { backoff } from "../../lib/async/backoff.ts";
import { sleep } from "../../lib/async/sleep.ts";
import type { Change, Entry, Revision, WatchEvent, WatchOptions } from "../store.ts";
import { Watchers } from "../watchers.ts";
import type { WatchRequest, WatchResponse } from "./proto.ts";
import type { Rpc, RpcStream } from "./rpc.ts";
import { Heartbeat } from "./heartbeat.ts";

/** Snapshots that are taken at the same time. */
const MAX_SNAPSHOTS = 8;
/** Time that a new stream may take to answer, in milliseconds. */
const OPEN_MS = 2000;
/** Time that the confirmation of a watch may take, in milliseconds. */
const CONFIRM_MS = 5000;
/** Longest pause between attempts, in milliseconds. */
const MAX_PAUSE_MS = 2000;

type Snapshot = WatchEvent & { type: "snapshot" };
type Changes = WatchEvent & { type: "changes" };

/** Data of the store that its watches need. */
export interface WatchSource {
  rpc: Rpc;
  /** Entries under a prefix, and the revision of the store that they are of. */
  read(prefix: string): Promise<{ entries: Entry[]; revision: Revision }>;
  range(prefix: string): { key: Uint8Array; range_end: Uint8Array };
  /** A key that may be watched and is never written. */
  unused: Uint8Array;
  entry(kv: WatchResponse["events"][number]["kv"]): Entry;
}

/** One server-side watch. */
interface Subscription {
  changes(changes: Changes): void;
  gap(): void;
  /** Parts of a response that is yet to be completed. */
  parts: WatchResponse["events"];
  /** Until etcd has confirmed it. */
  pending?: PromiseWithResolvers<void> | undefined;
}

/** A stream. */
interface Live {
  stream: RpcStream<WatchRequest>;
  subscriptions: Map<string, Subscription>;
  ended: boolean;
  heartbeat?: Heartbeat;
}

/** The watches of one store. */
export class WatchStream {
  readonly #source: WatchSource;
  readonly #all = new Set<Watchers<Snapshot, Changes>>();
  #opening: Promise<Live> | undefined;
  /** Attempts in a row without an answer. */
  #failures = 0;
  #live: Live | undefined;
  #serial = 0;
  #taking = 0;
  readonly #turns: (() => void)[] = [];
  readonly #closed = new AbortController();

  constructor(source: WatchSource) {
    this.#source = source;
  }

  /** The stream, if there is one; while it is the same and hasn't ended, the store's history is one. */
  get stream(): { readonly ended: boolean } | undefined {
    return this.#live;
  }

  /** One watch. */
  async *watch(prefix: string, options: WatchOptions = {}): AsyncGenerator<WatchEvent> {
    if (this.#closed.signal.aborted) return;
    let cancel = () => {};
    const watchers = new Watchers<Snapshot, Changes>({
      select: (changes) => changes,
      snapshot: async (_prefix, from, signal) => {
        for (let failures = 1;; failures++) {
          cancel();
          const opened = this.#failures;
          try {
            return await this.#turn(async () => {
              const live = await this.#open();
              const { entries, revision } = await this.#source.read(prefix);
              // A snapshot of after the stream's end may be of another history.
              if (live.ended || signal.aborted) throw new Error("The stream ended");
              from();
              const subscription = this.#subscribe(live, prefix, revision, watchers);
              cancel = subscription.cancel;
              await subscription.confirmed;
              return { type: "snapshot", entries, revision };
            });
          } catch (error) {
            if (signal.aborted || this.#closed.signal.aborted) throw error;
            // Where the stream can't be had, the next attempt at it waits, for all watches together.
            if (this.#failures <= opened) {
              await sleep(backoff(failures, { longest: MAX_PAUSE_MS }), signal);
            }
            if (signal.aborted) throw error;
          }
        }
      },
    });
    this.#all.add(watchers);
    try {
      yield* watchers.watch(prefix, options);
    } finally {
      this.#all.delete(watchers);
      cancel();
      if (this.#all.size === 0) this.#hangUp();
    }
  }

  /** Runs `action` when few others run. */
  async #turn<T>(action: () => Promise<T>): Promise<T> {
    if (this.#taking >= MAX_SNAPSHOTS) {
      await new Promise<void>((resolve) => this.#turns.push(resolve));
    } else this.#taking++;
    try {
      return await action();
    } finally {
      const next = this.#turns.shift();
      if (next) next();
      else this.#taking--;
    }
  }

  #subscribe(
    live: Live,
    prefix: string,
    revision: Revision,
    watchers: Watchers<Snapshot, Changes>,
  ): { cancel: () => void; confirmed: Promise<void> } {
    const id = `${++this.#serial}`;
    const pending = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      pending.reject(new Error("The watch was not confirmed in time"));
      live.stream.abandon();
    }, CONFIRM_MS);
    live.subscriptions.set(id, {
      changes: (changes) => watchers.publish(changes),
      gap: () => watchers.resync(),
      parts: [],
      pending,
    });
    live.stream.write({
      create_request: {
        ...this.#source.range(prefix),
        start_revision: `${BigInt(revision) + 1n}`,
        watch_id: id,
        fragment: true,
      },
    });
    const confirmed = pending.promise.finally(() => clearTimeout(timer));
    confirmed.catch(() => {});
    const cancel = () => {
      pending.reject(new Error("The watch was cancelled"));
      if (!live.subscriptions.delete(id) || live.ended) return;
      live.stream.write({ cancel_request: { watch_id: id } });
    };
    return { cancel, confirmed };
  }

  /** The stream, once it has answered: it then surely is one of the store as it is now. */
  #open(): Promise<Live> {
    if (this.#live) return Promise.resolve(this.#live);
    return this.#opening ??= this.#connectInTime().finally(() => this.#opening = undefined);
  }

  async #connectInTime(): Promise<Live> {
    const pause = this.#failures > 0 ? backoff(this.#failures, { longest: MAX_PAUSE_MS }) : 0;
    if (pause > 0) await sleep(pause, this.#closed.signal);
    this.#closed.signal.throwIfAborted();
    try {
      const live = await this.#connect();
      this.#failures = 0;
      if (this.#all.size === 0) this.#hangUp(); // No watch needs it any more.
      return live;
    } catch (error) {
      this.#failures++;
      throw error;
    }
  }

  async #connect(): Promise<Live> {
    const answered = Promise.withResolvers<void>();
    answered.promise.catch(() => {});
    let ended: Error | undefined;
    let live: Live | undefined = undefined;
    const stream = await this.#source.rpc.stream("Watch/Watch", {
      data: (response) => {
        // Nothing comes before the first watch is asked for.
        live!.heartbeat?.heard();
        this.#receive(live!, response);
        if (!response.canceled) answered.resolve();
      },
      end: (error) => {
        ended = error;
        answered.reject(error);
        if (live) this.#end(live, error);
      },
    });
    live = { stream, subscriptions: new Map(), ended: false };
    if (ended) throw ended;
    this.#ping(live);
    const timer = setTimeout(() => stream.abandon(), OPEN_MS);
    try {
      await answered.promise;
    } finally {
      clearTimeout(timer);
    }
    if (this.#closed.signal.aborted) stream.cancel();
    if (ended) throw ended;
    const asked = live;
    live.heartbeat = new Heartbeat(() => this.#ping(asked), () => stream.abandon());
    return this.#live = live;
  }

  /** Probes the stream by a watch, which is ended when it is confirmed. */
  #ping({ stream }: Live): void {
    stream.write({ create_request: { key: this.#source.unused, watch_id: `${++this.#serial}` } });
  }

  #end(live: Live, error: Error): void {
    live.ended = true;
    live.heartbeat?.stop();
    if (this.#live === live) this.#live = undefined;
    const subscriptions = [...live.subscriptions.values()];
    live.subscriptions.clear();
    for (const { gap, pending } of subscriptions) {
      pending?.reject(error);
      gap();
    }
  }

  #receive({ stream, subscriptions }: Live, response: WatchResponse): void {
    const { watch_id, canceled, created } = response;
    if (created && canceled) {
      // The next stream has a login of its own.
      stream.expire();
      return stream.cancel();
    }
    const subscription = subscriptions.get(watch_id);
    if (!subscription) {
      if (created) stream.write({ cancel_request: { watch_id } });
      return;
    }
    if (canceled) {
      // Most often because the revisions asked for are compacted.
      subscriptions.delete(watch_id);
      subscription.pending?.reject(new Error(response.cancel_reason));
      return subscription.gap();
    }
    if (created) {
      subscription.pending?.resolve();
      subscription.pending = undefined;
    }
    const events = [...subscription.parts, ...response.events];
    subscription.parts = response.fragment ? events : [];
    if (!response.fragment) this.#publish(subscription, events);
  }

  #publish(subscription: Subscription, events: WatchResponse["events"]): void {
    let group: Change[] = [];
    for (const [i, { type, kv }] of events.entries()) {
      const entry = this.#source.entry(kv);
      const { key, revision } = entry;
      group.push(type === "DELETE" ? { type: "delete", key, revision } : { type: "put", entry });
      if (events[i + 1]?.kv.mod_revision === kv.mod_revision) continue;
      subscription.changes({ type: "changes", changes: group, revision });
      group = [];
    }
  }

  #hangUp(): void {
    this.#live?.stream.cancel();
  }

  /** Opens a new stream: the store's connections are to be replaced. */
  reopen(): void {
    this.#hangUp();
  }

  /** Ends all watches. */
  close(): void {
    this.#closed.abort();
    for (const watchers of this.#all) watchers.close();
    this.#hangUp();
  }
}
