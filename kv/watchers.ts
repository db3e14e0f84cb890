/**
 * Feeds the watches of a store that learns of its changes in one place: each watch has a bounded
 * queue, and one that falls behind gets a fresh snapshot instead of the events that it missed.
 *
 * @module
 */
import type { Change, Revision, WatchOptions } from "./store.ts";

/** Events that a watch may be behind. */
const MAX_QUEUE = 4096;

/** Where watches take from; `S` is a snapshot, `E` an event between snapshots. */
export interface Source<S, E> {
  /**
   * Takes a snapshot. From the moment that it calls `from`, events are queued for the watch. It
   * retries while the store can't be reached, until `signal` is aborted; its result is then
   * ignored.
   */
  snapshot(prefix: string, from: () => void, signal: AbortSignal): Promise<S>;
  /** What a watch of this prefix sees of an event. */
  select(event: E, prefix: string): E | undefined;
  /** Whether a snapshot of this revision holds an event already. */
  covers?(revision: Revision, event: E): boolean;
}

interface Watcher<E> {
  prefix: string;
  queue: E[];
  /** Events were dropped: a snapshot is due. */
  gap: boolean;
  wake: () => void;
}

/** The key that a change is about. */
export function changeKey(change: Change): string {
  return change.type === "put" ? change.entry.key : change.key;
}

/** The watches of one store. */
export class Watchers<S extends { revision: Revision }, E> {
  readonly #source: Source<S, E>;
  readonly #all = new Set<Watcher<E>>();
  readonly #closed = new AbortController();

  constructor(source: Source<S, E>) {
    this.#source = source;
  }

  /** Queues an event for every watch. */
  publish(event: E): void {
    for (const watcher of this.#all) {
      if (watcher.gap) continue;
      const own = this.#source.select(event, watcher.prefix);
      if (own === undefined) continue;
      if (watcher.queue.length >= MAX_QUEUE) {
        watcher.queue = [];
        watcher.gap = true;
      } else watcher.queue.push(own);
      watcher.wake();
    }
  }

  /** Events were missed: the watches concerned get a fresh snapshot. */
  resync(concerned: (prefix: string) => boolean = () => true): void {
    for (const watcher of this.#all) {
      if (!concerned(watcher.prefix)) continue;
      watcher.queue = [];
      watcher.gap = true;
      watcher.wake();
    }
  }

  /** One watch. */
  async *watch(prefix: string, options: WatchOptions = {}): AsyncGenerator<S | E> {
    const stop = new AbortController();
    const watcher: Watcher<E> = { prefix, queue: [], gap: true, wake: () => {} };
    const stopped = new Promise<void>((resolve) =>
      stop.signal.addEventListener("abort", () => {
        watcher.wake();
        resolve();
      }, { once: true })
    );
    const causes = [this.#closed.signal, ...options.signal ? [options.signal] : []];
    const abort = () => stop.abort();
    for (const cause of causes) {
      if (cause.aborted) abort();
      else cause.addEventListener("abort", abort, { once: true });
    }
    this.#all.add(watcher);
    const from = () => {
      watcher.queue = [];
      watcher.gap = false;
    };
    let revision: Revision = "";
    try {
      while (!stop.signal.aborted) {
        if (watcher.gap) {
          const taking = this.#source.snapshot(prefix, from, stop.signal);
          // A stopped watch doesn't await it; without this a failure would count as unhandled.
          taking.catch(() => {});
          const snapshot = await Promise.race([taking, stopped]);
          if (stop.signal.aborted || snapshot === undefined) break;
          revision = snapshot.revision;
          yield snapshot;
          continue;
        }
        const event = watcher.queue.shift();
        if (event !== undefined) {
          if (!this.#source.covers?.(revision, event)) yield event;
        } else await new Promise<void>((resolve) => watcher.wake = resolve);
      }
    } finally {
      this.#all.delete(watcher);
      for (const cause of causes) cause.removeEventListener("abort", abort);
      stop.abort();
    }
  }

  /** Ends all watches. */
  close(): void {
    this.#closed.abort();
  }
}
