/**
 * Feeds the watches of an in-process store: each has a bounded queue, and who falls behind gets a
 * fresh snapshot instead of the changes missed.
 *
 * @module
 */
import type { Change, Entry, Revision, WatchEvent, WatchOptions } from "../store.ts";

/** Transactions that a watch may be behind. */
const MAX_QUEUE = 4096;

/** Takes a snapshot and calls `atThatMoment` with nothing committed in between. */
export type Snapshot = (
  prefix: string,
  atThatMoment: () => void,
) => Promise<{ entries: Entry[]; revision: Revision }>;

interface Watcher {
  prefix: string;
  queue: WatchEvent[];
  /** Changes were dropped: a snapshot is due. */
  gap: boolean;
  wake: () => void;
}

function changeKey(change: Change): string {
  return change.type === "put" ? change.entry.key : change.key;
}

/** The watches of one store. */
export class Watchers {
  readonly #snapshot: Snapshot;
  readonly #all = new Set<Watcher>();
  #closed = false;

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
  }

  /** Tells every watch of a committed transaction. */
  publish(changes: Change[], revision: Revision): void {
    for (const watcher of this.#all) {
      if (watcher.gap) continue;
      const own = changes.filter((change) => changeKey(change).startsWith(watcher.prefix));
      if (own.length === 0) continue;
      if (watcher.queue.length >= MAX_QUEUE) {
        watcher.queue = [];
        watcher.gap = true;
      } else watcher.queue.push({ type: "changes", changes: own, revision });
      watcher.wake();
    }
  }

  /** One watch. */
  async *watch(prefix: string, { signal }: WatchOptions = {}): AsyncGenerator<WatchEvent> {
    const watcher: Watcher = { prefix, queue: [], gap: true, wake: () => {} };
    const stop = () => watcher.wake();
    signal?.addEventListener("abort", stop);
    this.#all.add(watcher);
    try {
      while (!signal?.aborted && !this.#closed) {
        if (watcher.gap) {
          const { entries, revision } = await this.#snapshot(prefix, () => watcher.gap = false);
          yield { type: "snapshot", entries, revision };
          continue;
        }
        const event = watcher.queue.shift();
        if (event) yield event;
        else await new Promise<void>((resolve) => watcher.wake = resolve);
      }
    } finally {
      this.#all.delete(watcher);
      signal?.removeEventListener("abort", stop);
    }
  }

  /** Ends all watches. */
  close(): void {
    this.#closed = true;
    for (const watcher of this.#all) watcher.wake();
  }
}
