/**
 * All keys of a store at once, read at one revision.
 *
 * @module
 */
import type { AdminChannels } from "../../../../kv/etcd/admin/admin_calls.ts";
import type { RawEntry } from "../../../../kv/etcd/admin/admin_proto.ts";
import type { BackupEntry } from "./backup_format.ts";

/** Keys per question; etcd's answers are bounded. */
const PAGE = 500;
/** Time that a question may take, in milliseconds. */
const CALL_MS = 20_000;
/** The first of all keys, and the end of them. */
const FIRST = new Uint8Array([0]), END = new Uint8Array([0]);

/** The revision of now. */
export async function revisionNow(channels: AdminChannels): Promise<string> {
  const { header } = await channels.call("KV/Range", { key: END, count_only: true });
  return header.revision;
}

/** All keys as they were at a revision. */
export async function* keysAt(
  channels: AdminChannels,
  revision: string,
): AsyncGenerator<RawEntry> {
  const { kvs, more } = await page(channels, FIRST, revision);
  yield* kvs;
  if (more) yield* keysBehind(channels, kvs, revision);
}

/** All keys as they are now, and the revision of that. */
export async function keysNow(
  channels: AdminChannels,
): Promise<{ revision: string; keys: AsyncIterable<RawEntry> }> {
  // One question less than asking for the revision first: others have less time to write.
  const { kvs, more, header: { revision } } = await page(channels, FIRST);
  const keys = async function* () {
    yield* kvs;
    if (more) yield* keysBehind(channels, kvs, revision);
  };
  return { revision, keys: keys() };
}

async function* keysBehind(
  channels: AdminChannels,
  before: RawEntry[],
  revision: string,
): AsyncGenerator<RawEntry> {
  for (let kvs = before, more = true; more && kvs.length > 0;) {
    ({ kvs, more } = await page(channels, new Uint8Array([...kvs.at(-1)!.key, 0]), revision));
    yield* kvs;
  }
}

function page(channels: AdminChannels, key: Uint8Array, revision?: string) {
  const request = { key, range_end: END, limit: String(PAGE) };
  return channels.call("KV/Range", { ...request, ...revision !== undefined && { revision } }, {
    ms: CALL_MS,
  });
}

/** The same, but for those that live as long as somebody's lease. */
export async function* entriesAt(
  channels: AdminChannels,
  revision: string,
): AsyncGenerator<BackupEntry> {
  for await (const { key, value, lease } of keysAt(channels, revision)) {
    if (lease === "0") yield { key, value };
  }
}
