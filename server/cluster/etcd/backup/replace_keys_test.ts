import assert from "node:assert/strict";
import type { AdminChannels } from "../../../../kv/etcd/admin/admin_calls.ts";
import type { RawCompare, RawEntry } from "../../../../kv/etcd/admin/admin_proto.ts";
import { random } from "../../../../tests/chaos/random.ts";
import { TestVoters } from "../../../../tests/harness/voters.ts";
import { entriesAt, keysAt, revisionNow } from "./key_space.ts";
import { replaceKeys } from "./replace_keys.ts";

const SERVICES = 150, ADDRESSES = 180, WRITERS = 4;
/** Mean pause of a writer, in milliseconds: 200 writes a second. */
const PAUSE_MS = 20;
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (given: Uint8Array) => new TextDecoder().decode(given);

async function entry(channels: AdminChannels, key: string): Promise<RawEntry | undefined> {
  return (await channels.call("KV/Range", { key: bytes(key) })).kvs[0];
}

/** Gives a service an address that nobody has, or takes it from it: both of its keys, or none. */
async function toggle(channels: AdminChannels, service: string, address: string): Promise<void> {
  const as = (key: string, mod_revision = "0"): RawCompare => ({
    ...{ result: "EQUAL", target: "MOD", key: bytes(key), mod_revision },
  });
  const has = await entry(channels, service);
  if (has) {
    await channels.call("KV/Txn", {
      compare: [as(service, has.mod_revision)],
      success: [service, text(has.value)].map((key) => ({
        request_delete_range: { key: bytes(key) },
      })),
    });
    return;
  }
  const pairs = [[service, address], [address, service]] as const;
  await channels.call("KV/Txn", {
    compare: [as(service), as(address)],
    success: pairs.map(([key, value]) => ({
      request_put: { key: bytes(key), value: bytes(value) },
    })),
  });
}

/** Services without their address, and addresses of nobody or of another. */
async function halves(channels: AdminChannels): Promise<string[]> {
  const found = new Map<string, string>();
  for await (const { key, value } of keysAt(channels, await revisionNow(channels))) {
    found.set(text(key), text(value));
  }
  return [...found].filter(([key, value]) => found.get(value) !== key)
    .map(([key, value]) => `${key} says ${value}, which says ${found.get(value)}`);
}

Deno.test("a backup that is restored while others write leaves nothing half and nothing double", async () => {
  await using voters = await TestVoters.create(1);
  const first = await voters.startFirst();
  const { channels } = voters.admin(first);
  const next = random(1);
  const number = (n: number) => Math.floor(next() * n);
  for (let i = 0; i < SERVICES; i++) await toggle(channels, `s/${i}`, `a/${i}`);
  const revision = await revisionNow(channels);
  const backup = await Array.fromAsync(entriesAt(channels, revision));
  assert.equal(backup.length, 2 * SERVICES);
  let on = true;
  let writes = 0;
  const working = Array.from({ length: WRITERS }, async () => {
    const { channels: own } = voters.admin(first);
    for (; on; writes++) {
      await toggle(own, `s/${number(SERVICES + 30)}`, `a/${number(ADDRESSES)}`);
      await new Promise((resolve) => setTimeout(resolve, number(2 * PAUSE_MS)));
    }
  });
  try {
    // In one transaction; and in several, as an etcd needs it that netsvc of before has started.
    for (const operations of [undefined, undefined, 100]) {
      const before = writes;
      while (writes < before + 100) await new Promise((resolve) => setTimeout(resolve, 1));
      const options = operations === undefined ? {} : { operations };
      await replaceKeys(channels, () => ReadableStream.from(backup), options);
      assert.deepEqual(await halves(channels), []);
    }
  } finally {
    on = false;
    await Promise.all(working);
  }
  assert.deepEqual(await halves(channels), []);
  const quiet = await replaceKeys(channels, () => ReadableStream.from(backup));
  assert.equal(quiet.written, 2 * SERVICES);
  const now = await Array.fromAsync(entriesAt(channels, await revisionNow(channels)));
  assert.deepEqual(now, backup);
});
