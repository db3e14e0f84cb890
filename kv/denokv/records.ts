/**
 * Keys of a remote Deno KV beside entries, below the prefix of the store.
 *
 *     head            set by each transaction: its versionstamp is the last one's
 *     log STAMP       the record of a transaction
 *     lease ID        a lease, as it was granted
 *     beat ID         set by the holder of the lease periodically
 *     own ID KEY      a key that was put with the lease
 *
 * @module
 */
import { decodeRecord, encodeRecord, type Logged, recordId } from "../change_log.ts";
import { Space } from "./layout.ts";
import type { Transaction } from "../store.ts";
import type { Client } from "./client.ts";

/** Bytes of values that a record holds, at most. */
const MAX_RECORD_VALUES = 40_000;
/** Bytes of a whole record, at most: Deno KV's values are limited to 64 KiB. */
const MAX_RECORD = 60_000;
/** Records that stay for readers that are behind. */
export const KEPT_RECORDS = 1000;

/** A record of a transaction; `changes` are unknown when they were too many to be written down. */
export type Record = Omit<Logged, "changes"> & {
  id: string | undefined;
  changes: Logged["changes"] | undefined;
};

/** The keys of a store. */
export class RemoteSpace extends Space {
  readonly last: Deno.KvKey;
  readonly log: Deno.KvKey;
  readonly beats: Deno.KvKey;

  /** @param prefix first segments of all keys */
  constructor(prefix: string) {
    super(prefix.split("/"));
    this.last = [...this.at, "head"];
    this.log = [...this.at, "log"];
    this.beats = [...this.at, "beat"];
  }

  lease(id: string): Deno.KvKey {
    return [...this.at, "lease", id];
  }

  beat(id: string): Deno.KvKey {
    return [...this.beats, id];
  }

  owned(id: string): Deno.KvKey {
    return [...this.at, "own", id];
  }

  own(id: string, key: string): Deno.KvKey {
    return [...this.owned(id), key];
  }
}

/** The value of a record. */
export function packRecord(transaction: Transaction): Uint8Array {
  const encoder = new TextEncoder();
  const id = crypto.randomUUID();
  for (const most of [MAX_RECORD_VALUES, -1]) {
    const bytes = encoder.encode(encodeRecord(transaction, most, id));
    if (bytes.length <= MAX_RECORD) return bytes;
  }
  return new Uint8Array(0);
}

/** The id of a packed record; none where it was too large to hold one. */
export function packedId(bytes: Uint8Array): string | undefined {
  return bytes.length === 0 ? undefined : recordId(new TextDecoder().decode(bytes));
}

/** A part of the log. */
export interface LogPart {
  records: Record[];
  /** Id of its last transaction, unique across histories: that of the place itself without records. */
  id: string | undefined;
}

/**
 * The records after one.
 *
 * @param from versionstamp of that one, "" when there was none; `id` tells its transaction from one with
 * the same versionstamp in another history
 * @returns nothing when some were deleted, or that one isn't in this history
 */
export async function readLog(
  { client, space }: { client: Client; space: RemoteSpace },
  { from, id }: { from: string; id?: string | undefined },
): Promise<LogPart | undefined> {
  const records: Record[] = [];
  let own: string | undefined;
  let found = from === "";
  // Versionstamps are hexadecimal digits.
  for await (
    const entry of client.list({ start: [...space.log, from], end: [...space.log, "g"] })
  ) {
    const { key, value, versionstamp: revision } = entry;
    if (!found) {
      own = packedId(value as Uint8Array);
      if (key.at(-1) !== from || id !== undefined && own !== id) return undefined;
      found = true;
      continue;
    }
    const bytes = value as Uint8Array;
    const changes = bytes.length === 0
      ? undefined
      : decodeRecord(new TextDecoder().decode(bytes), revision);
    if (records.push({ revision, id: packedId(bytes), changes }) > KEPT_RECORDS) return undefined;
  }
  return found ? { records, id: records.length > 0 ? records.at(-1)!.id : own } : undefined;
}
