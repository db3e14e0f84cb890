/**
 * All keys of a store at once: read at one revision, and written back.
 *
 * @module
 */
import type { AdminChannels } from "../../../../kv/etcd/admin/admin_calls.ts";
import type { AdminCalls } from "../../../../kv/etcd/admin/admin_proto.ts";
import type { BackupEntry } from "./backup_format.ts";

/** Keys per question; etcd's answers are bounded. */
const PAGE = 500;
/** Operations of one transaction: etcd allows 128. */
const BATCH = 100;
/** Bytes of one transaction; etcd allows 1.5 MiB. */
const BATCH_BYTES = 512 * 1024;
/** Time that a question or a transaction may take, in milliseconds. */
const CALL_MS = 20_000;
/** The end of all keys. */
const END = new Uint8Array([0]);

/** Which keys a restore leaves as they are. */
export type Keep = (key: string) => boolean;

/** The revision of now. */
export async function revisionNow(channels: AdminChannels): Promise<string> {
  const { header } = await channels.call("KV/Range", { key: END, count_only: true });
  return header.revision;
}

/** All keys as they were at a revision, but for those that live as long as somebody's lease. */
export async function* entriesAt(
  channels: AdminChannels,
  revision: string,
): AsyncGenerator<BackupEntry> {
  let key = new Uint8Array([0]);
  for (;;) {
    const request = { key, range_end: END, limit: String(PAGE), revision };
    const { kvs, more } = await channels.call("KV/Range", request, { ms: CALL_MS });
    for (const { key, value, lease } of kvs) if (lease === "0") yield { key, value };
    if (!more || kvs.length === 0) return;
    key = new Uint8Array([...kvs.at(-1)!.key, 0]);
  }
}

type Operation = AdminCalls["KV/Txn"]["request"]["success"][number];

/**
 * Writes keys into a store, and deletes all others, but for those that are kept and those of leases. A cluster that runs
 * goes on meanwhile, and sees the changes come.
 *
 * @returns how many keys were written, and how many deleted
 */
export async function replaceKeys(
  channels: AdminChannels,
  entries: AsyncIterable<BackupEntry>,
  keep: Keep = () => false,
): Promise<{ written: number; deleted: number }> {
  const decoder = new TextDecoder();
  const wanted = new Set<string>();
  const batch = new Batch(channels);
  let written = 0;
  for await (const { key, value } of entries) {
    const name = decoder.decode(key);
    if (keep(name)) continue;
    wanted.add(name);
    written++;
    await batch.add({ request_put: { key, value } }, key.length + value.length);
  }
  let deleted = 0;
  for await (const { key } of entriesAt(channels, await revisionNow(channels))) {
    const name = decoder.decode(key);
    if (wanted.has(name) || keep(name)) continue;
    deleted++;
    await batch.add({ request_delete_range: { key } }, key.length);
  }
  await batch.flush();
  return { written, deleted };
}

/** Operations of the next transaction. */
class Batch {
  readonly #channels: AdminChannels;
  #operations: Operation[] = [];
  #bytes = 0;

  constructor(channels: AdminChannels) {
    this.#channels = channels;
  }

  async add(operation: Operation, bytes: number): Promise<void> {
    if (this.#operations.length >= BATCH || this.#bytes + bytes > BATCH_BYTES) await this.flush();
    this.#operations.push(operation);
    this.#bytes += bytes;
  }

  async flush(): Promise<void> {
    if (this.#operations.length === 0) return;
    // Each operation may be done twice: it says what is to be there.
    await this.#channels.call("KV/Txn", { success: this.#operations }, { ms: CALL_MS });
    this.#operations = [];
    this.#bytes = 0;
  }
}
