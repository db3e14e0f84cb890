/**
 * Follows the store's history on one connection after another and tells the watches: one watched
 * node for all transactions and one for all leases, whatever the number of watches.
 *
 * @module
 */
import { type LeasedEntry, type Logged, type LoggedChange, recordId } from "../change_log.ts";
import type { Change, Revision } from "../store.ts";
import type { Connection } from "./connection.ts";
import {
  type LiveLeases,
  type Position,
  readPosition,
  readRecordId,
  readRecords,
  recordsOf,
  type Snapshot,
} from "./history.ts";
import { decodeData, type Layout, revisionOf } from "./layout.ts";

/** Interval of reads without a notification, in milliseconds: they notice a stalled connection. */
const LOOK_MS = 2000;

/** A change whose entry may be leased. */
export type LeasedChange =
  | { type: "put"; entry: LeasedEntry }
  | Extract<Change, { type: "delete" }>;

/** What an {@linkcode Audience} is told. */
export type FollowerEvent =
  | { type: "changes"; changes: LeasedChange[]; revision: Revision }
  | { type: "leases"; leases: LiveLeases };

/** Receiver of the changes. */
export interface Audience {
  publish(event: FollowerEvent): void;
  /** Some changes are unknown: of all keys, or of these. */
  resync(keys?: string[]): void;
}

export class Follower {
  readonly #layout: Layout;
  readonly #audience: Audience;
  #connection: Connection | undefined;
  #timer: number | undefined;
  #position: Position | undefined;
  /** Of the transaction at the position; numbers alone may be another history's. */
  #recordId: string | undefined;
  /** A later transaction that was read already. */
  #ahead: { position: Position; recordId: string } | undefined;
  #leasesAt: Revision = "";
  #due = false;
  #running = false;
  /** Whether ZooKeeper will tell of the next transaction, and of the next lease. */
  #armed = { head: false, leases: false };

  constructor(layout: Layout, audience: Audience) {
    this.#layout = layout;
    this.#audience = audience;
  }

  /**
   * Notes that a snapshot holds a transaction that the watches haven't seen yet: if the store of the
   * next connection doesn't hold it, it was restored from a backup in between.
   */
  observed({ position, recordId }: Snapshot): void {
    const newest = this.#ahead?.position ?? this.#position;
    if (recordId === undefined || newest && position.version <= newest.version) return;
    this.#ahead = { position, recordId };
  }

  /** Continues on a new connection, from the last position or, if its record is gone, from now. */
  async start(connection: Connection): Promise<void> {
    this.stop();
    if (!await this.#isSameHistory(connection)) {
      this.#position = undefined;
      const position = await readPosition({ connection, layout: this.#layout });
      this.#recordId = await readRecordId({ connection, layout: this.#layout }, position);
      this.#position = position;
      this.#ahead = undefined;
      this.#audience.resync();
    }
    this.#connection = connection;
    this.#armed = { head: false, leases: false };
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    connection.closed.then(() => {
      if (this.#connection === connection) this.stop();
    });
    this.#look();
  }

  /** Whether the log still holds all that was seen; if not, a backup was restored, or the records were deleted. */
  async #isSameHistory(connection: Connection): Promise<boolean> {
    if (!this.#position) return false;
    const seen = [{ position: this.#position, recordId: this.#recordId }];
    if (this.#ahead) seen.push(this.#ahead);
    for (const { position, recordId } of seen) {
      if (position.version === 0) continue;
      const id = await readRecordId({ connection, layout: this.#layout }, position);
      if (id === undefined || id !== recordId) return false;
    }
    return true;
  }

  /** Stops following the current connection. */
  stop(): void {
    clearInterval(this.#timer);
    this.#connection = undefined;
  }

  /** Reads the news, and once more if asked to meanwhile. */
  #look(): void {
    this.#due = true;
    if (!this.#running) this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (this.#due && this.#connection) {
        this.#due = false;
        await this.#once(this.#connection);
      }
    } catch (error) {
      // The connection has ended or the record is malformed: a fresh start handles both.
      this.#connection?.destroy(error as Error);
    } finally {
      this.#running = false;
    }
    // A new connection came while the old one failed.
    if (this.#due && this.#connection) this.#look();
  }

  async #once(connection: Connection): Promise<void> {
    const from = this.#position!;
    const arm = (which: "head" | "leases") => {
      if (this.#armed[which]) return undefined;
      this.#armed[which] = true;
      return () => {
        if (this.#connection !== connection) return;
        this.#armed[which] = false;
        this.#look();
      };
    };
    // Answers come in this order, so no transaction is missing that the leases' state has seen. The
    // next record is asked for before it is known to be there: that saves a round trip.
    const [leases, head, next] = await Promise.all([
      connection.children(this.#layout.leases, arm("leases")),
      connection.get(this.#layout.head, arm("head")),
      connection.get(this.#layout.record(from.version + 1)),
    ]);
    if (!head || !leases) throw new Error("the store's nodes were deleted");
    const to = { version: head.stat.version, revision: revisionOf(head.stat.mzxid) };
    const records = to.version === from.version && to.revision === from.revision
      ? []
      : to.version === from.version + 1 && next
      ? recordsOf([next], to)
      : await readRecords({ connection, layout: this.#layout }, { from: from.version, to });
    const id = records?.length === 0
      ? this.#recordId
      : to.version === from.version + 1 && next
      ? recordId(next.data.toString())
      : await readRecordId({ connection, layout: this.#layout }, to);
    if (this.#connection !== connection) return;
    this.#position = to;
    this.#recordId = id;
    if (this.#ahead && this.#ahead.position.version <= to.version) this.#ahead = undefined;
    const at = revisionOf(leases.stat.pzxid);
    const alive = { ids: new Set(leases.names), at };
    if (!records) this.#audience.resync();
    for (const record of records ?? []) {
      if (at < record.revision) this.#tellLeases(alive);
      await this.#tell(connection, record);
    }
    this.#tellLeases(alive);
  }

  #tellLeases(leases: LiveLeases): void {
    if (leases.at === this.#leasesAt) return;
    this.#leasesAt = leases.at;
    this.#audience.publish({ type: "leases", leases });
  }

  async #tell(connection: Connection, { revision, changes }: Logged): Promise<void> {
    const known: LeasedChange[] = [];
    const unknown: string[] = [];
    for (const change of changes) {
      if (change.type === "delete") known.push(change);
      else {
        const entry = change.entry ?? await this.#find(connection, change, revision);
        if (entry) known.push({ type: "put", entry });
        else unknown.push(change.key);
      }
    }
    if (unknown.length > 0) this.#audience.resync(unknown);
    this.#audience.publish({ type: "changes", changes: known, revision });
  }

  /** The entry whose value its record leaves out, unless it has changed again. */
  async #find(
    connection: Connection,
    { key }: Extract<LoggedChange, { type: "put" }>,
    revision: Revision,
  ): Promise<LeasedEntry | undefined> {
    const node = await connection.get(this.#layout.key(key));
    if (!node || revisionOf(node.stat.mzxid) !== revision) return undefined;
    return { key, ...decodeData(node.data), revision };
  }
}
