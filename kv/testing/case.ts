/**
 * What the cases of the conformance suite share.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { sleep } from "../../lib/async/sleep.ts";
import { deadline } from "../../lib/async/deadline.ts";
import type { CommitResult, Entry, Revision, Store, WatchEvent } from "../store.ts";

/** An empty store under test. Disposing of it closes the store and removes its data. */
export interface Conforming extends AsyncDisposable {
  store: Store;
  /** Another client of the same data; the same store where there can be only one. */
  peer(): Promise<Store>;
  /** Closes the store and opens it again; `store` is the new one. */
  reopen(): Promise<void>;
}

/** Cases by title. */
export type Cases = Record<string, (subject: Conforming) => Promise<void>>;

/** Rejects when `promise` takes longer than `ms` milliseconds. */
export async function withDeadline<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  return await deadline(promise, ms, { error: () => new Error(`"${what}" took over ${ms} ms`) });
}

/** Waits until `condition` holds. */
export async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 30_000;
  while (!await condition()) {
    if (performance.now() > end) throw new Error(`"${what}" did not happen within 30 s`);
    await sleep(20);
  }
}

/** The revision of a transaction that must succeed. */
export function committed(result: CommitResult): Revision {
  if (result.ok) return result.revision;
  throw new Error(`The transaction failed at "${result.failed}"`);
}

/** Puts one key. */
export async function put(store: Store, key: string, value: string): Promise<Revision> {
  return committed(await store.commit({ puts: [{ key, value }] }));
}

/** UTF-8 order, which is that of code points and not of UTF-16 units. */
export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Keys and values of entries, in their order. */
export function pairs(entries: Iterable<Entry>): [string, string][] {
  return [...entries].map(({ key, value }) => [key, value]);
}

/** A watch with the view that its events build up. */
export class Viewer {
  readonly view: Map<string, Entry> = new Map();
  readonly events: WatchEvent[] = [];
  readonly #abort = new AbortController();
  readonly #iterator: AsyncIterator<WatchEvent>;

  constructor(store: Store, prefix: string) {
    this.#iterator = store.watch(prefix, { signal: this.#abort.signal })[Symbol.asyncIterator]();
  }

  /** Reads one event into the view. */
  async next(): Promise<WatchEvent> {
    const { value: event, done } = await withDeadline(this.#iterator.next(), 30_000, "watch");
    if (done) throw new Error("The watch ended");
    this.events.push(event);
    if (event.type === "snapshot") {
      this.view.clear();
      for (const entry of event.entries) this.view.set(entry.key, entry);
      return event;
    }
    for (const change of event.changes) {
      if (change.type === "put") this.view.set(change.entry.key, change.entry);
      else this.view.delete(change.key);
    }
    return event;
  }

  /** Reads until the view holds what it should. */
  async until(condition: (view: Map<string, Entry>) => boolean): Promise<void> {
    while (!condition(this.view)) await this.next();
  }

  /** The deletes seen, in order. */
  get deleted(): string[] {
    return this.events.flatMap((event) => event.type === "changes" ? event.changes : [])
      .flatMap((change) => change.type === "delete" ? [change.key] : []);
  }

  /** Ends the watch; a pending read must end too. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await withDeadline(this.#drain(), 30_000, "end of an aborted watch");
  }

  async #drain(): Promise<void> {
    while (!(await this.#iterator.next()).done);
  }
}
