/**
 * Follows the store's log and tells the watches: one watched key, whatever their number.
 *
 * @module
 */
import type { LeasedEntry } from "../change_log.ts";
import { backoff } from "../../lib/async/backoff.ts";
import { atMost } from "../../lib/async/deadline.ts";
import { sleep } from "../../lib/async/sleep.ts";
import type { Change, Revision } from "../store.ts";
import type { Client } from "./client.ts";
import { KEPT_RECORDS, packedId, readLog, type Record, type RemoteSpace } from "./records.ts";

/** Interval of reads without a notification, in milliseconds: they notice a stalled watch. */
const LOOK_MS = 1000;
/** A watch that hasn't reported a change for so long counts as dead, in milliseconds. */
const STALLED_MS = 500;
/** Longest pause between two attempts, in milliseconds. */
const PAUSE_MS = 1000;
/** Records more than what stays, before they are deleted. */
const TRIM_AT = 256;
/** Records that one operation deletes. */
const TRIM_BATCH = 100;

/** Changes of one transaction. */
export interface Changes {
  type: "changes";
  changes: Change[];
  revision: Revision;
}

/** Receiver of the changes. */
export interface Audience {
  publish(event: Changes): void;
  /** Some changes are unknown: of all keys, or of these. */
  resync(keys?: string[]): void;
}

export class Follower {
  readonly #client: Client;
  readonly #space: RemoteSpace;
  readonly #audience: Audience;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  readonly #ready = Promise.withResolvers<void>();
  #position: Revision | undefined;
  /** Of the record at the position: numbers alone may be another history's. */
  #recordId: string | undefined;
  /** A later record that was read already. */
  #ahead: { revision: Revision; id: string | undefined } | undefined;
  /** Versionstamps of the last records seen. */
  #seen: Revision[] = [];
  #told = performance.now();

  constructor(client: Client, space: RemoteSpace, audience: Audience) {
    this.#client = client;
    this.#space = space;
    this.#audience = audience;
    this.#running = this.#run();
  }

  /** Resolves when no change from now on is missed. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /**
   * Notes that a snapshot holds a transaction that the watches haven't seen yet: if the next read
   * of the log doesn't find it, the store was restored from a backup in between.
   */
  observed(revision: Revision, id: string | undefined): void {
    const newest = this.#ahead?.revision ?? this.#position ?? "";
    if (id !== undefined && revision > newest) this.#ahead = { revision, id };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted;) {
      try {
        await this.#look();
        failures = 0;
        await this.#watch();
      } catch {
        failures++;
      }
      await sleep(backoff(Math.max(failures, 1), { longest: PAUSE_MS }), signal);
    }
  }

  /** Reads the log whenever the head changes, and periodically; ends when the watch does. */
  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    let over = false;
    const reader = await this.#client.watch(this.#space.last, () => {
      over = true;
      reader.cancel().catch(() => {});
    });
    const stop = () => reader.cancel().catch(() => {});
    signal.addEventListener("abort", stop, { once: true });
    try {
      this.#told = performance.now();
      let reading = reader.read();
      reading.catch(() => {});
      while (!signal.aborted) {
        let told: boolean | undefined;
        const ended = reading.then(({ done }) => told = !done);
        await atMost(ended, LOOK_MS, signal);
        if (told === false || over || signal.aborted) return;
        if (told) {
          this.#told = performance.now();
          reading = reader.read();
          reading.catch(() => {});
        }
        const news = await this.#look();
        if (news && !told && performance.now() - this.#told > STALLED_MS) {
          await atMost(reading, STALLED_MS, signal); // The watch's notification may still be in transit.
          if (told === undefined) return;
        }
      }
    } finally {
      signal.removeEventListener("abort", stop);
      await stop();
    }
  }

  /** Passes on new records. @returns whether there were any */
  async #look(): Promise<boolean> {
    const from = this.#position;
    const ahead = this.#ahead;
    const log = from === undefined
      ? undefined
      : (await readLog({ client: this.#client, space: this.#space }, { from, id: this.#recordId }))
        ?.records;
    const lost = ahead && ahead.revision > (from ?? "") &&
      !log?.some(({ revision, id }) => revision === ahead.revision && id === ahead.id);
    const records = lost ? undefined : log;
    if (!records) {
      const { versionstamp } = await this.#client.get(this.#space.last);
      const position = versionstamp ?? "";
      const { value } = await this.#client.get([...this.#space.log, position]);
      // Both or, where the store goes away in between, neither: no watch has got anything yet.
      this.#position = position;
      this.#ahead = undefined;
      this.#recordId = value instanceof Uint8Array ? packedId(value) : undefined;
      this.#seen = [];
      this.#audience.resync();
      this.#ready.resolve();
      return true;
    }
    for (const record of records) {
      await this.#tell(record);
      this.#position = record.revision;
      this.#recordId = record.id;
      this.#seen.push(record.revision);
    }
    if (this.#seen.length > KEPT_RECORDS + TRIM_AT && Math.random() < 0.25) await this.#trim();
    else this.#seen = this.#seen.slice(-2 * (KEPT_RECORDS + TRIM_AT));
    return records.length > 0;
  }

  async #tell({ revision, changes }: Record): Promise<void> {
    if (!changes) return this.#audience.resync();
    const known: Change[] = [];
    const unknown: string[] = [];
    for (const change of changes) {
      if (change.type === "delete") known.push(change);
      else {
        const entry = change.entry ?? await this.#find(change.key, revision);
        if (entry) known.push({ type: "put", entry: plain(entry) });
        else unknown.push(change.key);
      }
    }
    if (unknown.length > 0) this.#audience.resync(unknown);
    this.#audience.publish({ type: "changes", changes: known, revision });
  }

  /** The entry whose value its record leaves out, unless it has changed again. */
  async #find(key: string, revision: Revision): Promise<LeasedEntry | undefined> {
    const entry = await this.#space.readOne(this.#client, key);
    return entry?.revision === revision ? entry : undefined;
  }

  /** Deletes all records before the last ones. */
  async #trim(): Promise<void> {
    const end = this.#seen.at(-KEPT_RECORDS)!;
    const old: Deno.KvKey[] = [];
    const { log } = this.#space;
    for await (const { key } of this.#client.list({ start: [...log, ""], end: [...log, end] })) {
      old.push(key);
    }
    for (let i = 0; i < old.length; i += TRIM_BATCH) {
      await this.#client.commit((atomic) => {
        for (const key of old.slice(i, i + TRIM_BATCH)) atomic.delete(key);
      });
    }
    this.#seen = this.#seen.slice(-KEPT_RECORDS);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#ready.resolve();
    await this.#running;
  }
}

/** Without the lease, which callers do not need. */
export function plain({ key, value, revision }: LeasedEntry): LeasedEntry {
  return { key, value, revision };
}
