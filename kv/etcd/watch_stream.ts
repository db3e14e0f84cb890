/**
 * All watches of one store over one stream. What the stream says after it broke can't be trusted to
 * continue (the store may have been restored from a backup meanwhile), so each watch then begins
 * with a fresh snapshot.
 *
 * @module
 */
import { backoff, sleep } from "../backoff.ts";
import type { Change, Entry, Revision, WatchEvent, WatchOptions } from "../store.ts";
import { Watchers } from "../watchers.ts";
import type { WatchRequest, WatchResponse } from "./proto.ts";
import type { Rpc, RpcStream } from "./rpc.ts";

/** Snapshots that are taken at the same time. */
const MAX_SNAPSHOTS = 8;
/** Time that a new stream may take to answer, and longest pause between attempts, in milliseconds. */
const OPEN_MS = 3000, MAX_PAUSE_MS = 2000;
/**
 * After so long without a word the stream is asked for one, and after so long it is given up, in
 * milliseconds. TCP alone would notice a lost host after a quarter of an hour.
 */
const ASK_MS = 3000, SILENT_MS = 8000;

type Snapshot = WatchEvent & { type: "snapshot" };
type Changes = WatchEvent & { type: "changes" };

/** What the store gives to its watches. */
export interface WatchSource {
  rpc: Rpc;
  /** Entries under a prefix, and the revision of the store that they are of. */
  read(prefix: string): Promise<{ entries: Entry[]; revision: Revision }>;
  range(prefix: string): { key: Uint8Array; range_end: Uint8Array };
  entry(kv: WatchResponse["events"][number]["kv"]): Entry;
}

/** One server-side watch. */
interface Subscription {
  changes(changes: Changes): void;
  gap(): void;
  /** Parts of a response that is yet to be completed. */
  parts: WatchResponse["events"];
}

/** A stream that has answered. */
interface Live {
  stream: RpcStream<WatchRequest>;
  subscriptions: Map<string, Subscription>;
  ended: boolean;
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
              cancel = this.#subscribe(live, prefix, revision, watchers);
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
  ): () => void {
    const id = `${++this.#serial}`;
    live.subscriptions.set(id, {
      changes: (changes) => watchers.publish(changes),
      gap: () => watchers.resync(),
      parts: [],
    });
    live.stream.write({
      create_request: {
        ...this.#source.range(prefix),
        start_revision: `${BigInt(revision) + 1n}`,
        watch_id: id,
        fragment: true,
      },
    });
    return () => {
      if (!live.subscriptions.delete(id) || live.ended) return;
      live.stream.write({ cancel_request: { watch_id: id } });
    };
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
    const { promise: answered, resolve, reject } = Promise.withResolvers<void>();
    answered.catch(() => {});
    const subscriptions = new Map<string, Subscription>();
    const state: { ended?: Error; heard: number; heartbeat?: number } = {
      heard: performance.now(),
    };
    const stream = await this.#source.rpc.stream("Watch/Watch", {
      data: (response) => {
        state.heard = performance.now();
        resolve();
        this.#receive(subscriptions, response);
      },
      end: (error) => {
        state.ended = error;
        clearInterval(state.heartbeat);
        reject(error);
        if (this.#live?.subscriptions === subscriptions) {
          this.#live.ended = true;
          this.#live = undefined;
        }
        for (const { gap } of subscriptions.values()) gap();
        subscriptions.clear();
      },
    });
    stream.write({ progress_request: {} });
    const timer = setTimeout(() => stream.abandon(), OPEN_MS);
    try {
      await answered;
    } finally {
      clearTimeout(timer);
    }
    if (this.#closed.signal.aborted) stream.cancel();
    if (state.ended) throw state.ended;
    state.heartbeat = setInterval(() => {
      const silence = performance.now() - state.heard;
      if (silence > SILENT_MS) stream.abandon();
      else if (silence >= ASK_MS) stream.write({ progress_request: {} });
    }, ASK_MS / 2);
    return this.#live = { stream, subscriptions, ended: false };
  }

  #receive(subscriptions: Map<string, Subscription>, response: WatchResponse): void {
    const subscription = subscriptions.get(response.watch_id);
    if (!subscription) return;
    if (response.canceled) {
      // Most often because the revisions asked for are compacted.
      subscriptions.delete(response.watch_id);
      return subscription.gap();
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

  /** Ends all watches. */
  close(): void {
    this.#closed.abort();
    for (const watchers of this.#all) watchers.close();
    this.#hangUp();
  }
}
