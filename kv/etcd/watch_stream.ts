/**
 * All watches of one store over one stream. What the stream says after it broke can't be trusted to
 * continue (the store may have been restored from a backup meanwhile), so each watch then begins
 * with a fresh snapshot.
 *
 * A stream keeps the login that it was opened with. When that is over (the token's lifetime, another
 * password, logins switched off and on), etcd goes on with the watches that are there and refuses new
 * ones, by an answer that since 3.5 doesn't even say which watch it is about. So a watch counts from
 * the moment that etcd has confirmed it, and one that isn't confirmed sends all later ones to a new stream.
 *
 * @module
 */
import { backoff, sleep } from "../backoff.ts";
import type { Change, Entry, Revision, WatchEvent, WatchOptions } from "../store.ts";
import { Watchers } from "../watchers.ts";
import type { WatchRequest, WatchResponse } from "./proto.ts";
import type { Rpc, RpcStream } from "./rpc.ts";
import { Heartbeat } from "./heartbeat.ts";

/** Snapshots that are taken at the same time. */
const MAX_SNAPSHOTS = 8;
/** Time that a new stream may take to answer, and a watch to be confirmed, in milliseconds. */
const OPEN_MS = 2000, CONFIRM_MS = 5000;
/** Longest pause between attempts, in milliseconds. */
const MAX_PAUSE_MS = 2000;
/**
 * Id of the watch that every stream begins with: its confirmation is the stream's first word, and since
 * etcd 3.5 a stream without a watch isn't told of its progress.
 */
const FIRST_WATCH = "1";

type Snapshot = WatchEvent & { type: "snapshot" };
type Changes = WatchEvent & { type: "changes" };

/** What the store gives to its watches. */
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
  /** Takes no new watch any more. */
  retired: boolean;
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
  /** All that are up: the one that takes new watches, and those whose login is over. */
  readonly #streams = new Set<Live>();
  #serial = Number(FIRST_WATCH);
  #taking = 0;
  readonly #turns: (() => void)[] = [];
  readonly #closed = new AbortController();

  constructor(source: WatchSource) {
    this.#source = source;
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
            if (this.#failures <= opened) await sleep(backoff(failures, MAX_PAUSE_MS), signal);
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
      this.#hangUpRetired(live);
    };
    return { cancel, confirmed };
  }

  /** The stream, once it has answered: it then surely is one of the store as it is now. */
  #open(): Promise<Live> {
    if (this.#live) return Promise.resolve(this.#live);
    return this.#opening ??= this.#connectInTime().finally(() => this.#opening = undefined);
  }

  async #connectInTime(): Promise<Live> {
    const pause = this.#failures > 0 ? backoff(this.#failures, MAX_PAUSE_MS) : 0;
    if (pause > 0) await sleep(pause, this.#closed.signal);
    this.#closed.signal.throwIfAborted();
    try {
      const live = await this.#connect();
      this.#failures = 0;
      if (this.#all.size === 0) this.#hangUp(); // Nobody waits for it any more.
      return live;
    } catch (error) {
      this.#failures++;
      throw error;
    }
  }

  async #connect(): Promise<Live> {
    const answered = Promise.withResolvers<void>();
    answered.promise.catch(() => {});
    const subscriptions = new Map<string, Subscription>([[FIRST_WATCH, {
      changes: () => {},
      gap: () => {},
      parts: [],
      pending: answered,
    }]]);
    let ended: Error | undefined;
    let live: Live | undefined = undefined;
    const stream = await this.#source.rpc.stream("Watch/Watch", {
      data: (response) => {
        live!.heartbeat?.heard(); // Nothing comes before the first watch is asked for.
        this.#receive(live!, response);
      },
      end: (error) => {
        ended = error;
        answered.reject(error);
        if (live) this.#end(live, error);
      },
    });
    live = { stream, subscriptions, ended: false, retired: false };
    if (ended) throw ended;
    this.#streams.add(live);
    const { unused } = this.#source;
    stream.write({ create_request: { key: unused, watch_id: FIRST_WATCH, fragment: true } });
    const timer = setTimeout(() => stream.abandon(), OPEN_MS);
    try {
      await answered.promise;
    } catch (error) {
      stream.cancel();
      throw error;
    } finally {
      clearTimeout(timer);
    }
    if (this.#closed.signal.aborted) stream.cancel();
    if (ended) throw ended;
    live.heartbeat = new Heartbeat(
      () => stream.write({ progress_request: {} }),
      () => stream.abandon(),
    );
    return this.#live = live;
  }

  #end(live: Live, error: Error): void {
    live.ended = true;
    live.heartbeat?.stop();
    this.#streams.delete(live);
    if (this.#live === live) this.#live = undefined;
    const subscriptions = [...live.subscriptions.values()];
    live.subscriptions.clear();
    for (const { gap, pending } of subscriptions) {
      pending?.reject(error);
      gap();
    }
  }

  #receive(live: Live, response: WatchResponse): void {
    const { subscriptions } = live;
    const { watch_id: id, canceled, created } = response;
    const subscription = subscriptions.get(id);
    // Since 3.5 a refusal has no watch's id. Answers come in the order of the requests, but nothing hangs
    // on it: those that are refused for another's sake come again.
    if (canceled && created) return this.#refuse(live, response);
    if (!subscription) return;
    if (canceled) {
      // Most often because the revisions asked for are compacted.
      subscriptions.delete(id);
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

  /** etcd takes no new watch on this stream. */
  #refuse(live: Live, { cancel_reason }: WatchResponse): void {
    live.retired = true;
    live.stream.expire();
    if (this.#live === live) this.#live = undefined;
    for (const [id, { pending }] of [...live.subscriptions]) {
      if (!pending) continue;
      live.subscriptions.delete(id);
      pending.reject(new Error(`etcd refuses the watch: ${cancel_reason}`));
    }
    this.#hangUpRetired(live);
  }

  /** A stream whose login is over is kept for its watches alone. */
  #hangUpRetired(live: Live): void {
    const watches = [...live.subscriptions.keys()].some((id) => id !== FIRST_WATCH);
    if (live.retired && !watches) live.stream.cancel();
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
    for (const { stream } of this.#streams) stream.cancel();
  }

  /** Goes on with a new stream: the way to the store is another. */
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
