import assert from "node:assert/strict";
import type { AdminChannels } from "../../../../kv/etcd/admin/admin_calls.ts";
import { openStore } from "../../../../kv/open.ts";
import { VERSIONS } from "../../../../tests/harness/versions.ts";
import { type TestVoter, TestVoters } from "../../../../tests/harness/voters.ts";
import { checkBackup, readBackup, writeBackup } from "./backup_file.ts";
import type { BackupEntry, BackupHeader } from "./backup_format.ts";
import { entriesAt, revisionNow } from "./key_space.ts";
import { recoverAlone } from "./recover.ts";
import { replaceKeys } from "./replace_keys.ts";

const header: BackupHeader = { cluster: "c", time: 1, host: "h0", revision: "1" };
const text = new TextDecoder();

async function* some(count: number): AsyncGenerator<BackupEntry> {
  for (let i = 0; i < count; i++) {
    const key = new TextEncoder().encode(`k/${String(i).padStart(6, "0")}`);
    yield { key, value: new Uint8Array([0, 255, i % 256]) };
    if (i % 1000 === 0) await Promise.resolve();
  }
}

async function directory(): Promise<AsyncDisposable & { path: string }> {
  const path = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

Deno.test("a backup holds every byte, and no other user may read it", async () => {
  await using at = await directory();
  const file = `${at.path}/b`;
  await writeBackup(file, { header, entries: some(2500) });
  assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
  assert.deepEqual(await checkBackup(file), { header, entries: 2500 });
  const [read, given] = [
    await Array.fromAsync(readBackup(file)),
    await Array.fromAsync(some(2500)),
  ];
  assert.deepEqual(read, given);
  assert.deepEqual([...Deno.readDirSync(at.path)].map(({ name }) => name), ["b"]);
});

Deno.test("what isn't a whole backup is refused in a line that names the file", async () => {
  await using at = await directory();
  const file = `${at.path}/b`;
  await writeBackup(file, { header, entries: some(50) });
  const whole = await Deno.readFile(file);
  const gzip = async (lines: string) =>
    new Uint8Array(
      await new Response(
        ReadableStream.from([lines]).pipeThrough(new TextEncoderStream())
          .pipeThrough(new CompressionStream("gzip")),
      ).arrayBuffer(),
    );
  const lines = await new Response(
    ReadableStream.from([whole]).pipeThrough(new DecompressionStream("gzip")),
  ).text();
  const all = lines.split("\n");
  const cases: [string, Uint8Array][] = [
    ["empty", new Uint8Array()],
    ["cut off", whole.subarray(0, whole.length - 20)],
    ["no gzip", new TextEncoder().encode(lines)],
    ["without its end", await gzip(`${all.slice(0, -2).join("\n")}\n`)],
    ["without an entry", await gzip(all.filter((_, i) => i !== 3).join("\n"))],
    ["an entry changed", await gzip(all.with(3, all[4]!).join("\n"))],
    ["more after its end", await gzip(`${lines}{}\n`)],
    ["another program's", await gzip('{"a":1}\n')],
  ];
  for (const [what, bytes] of cases) {
    await Deno.writeFile(file, bytes);
    await assert.rejects(checkBackup(file), {
      code: "invalid",
      message: /^Cannot read the backup ".*\/b": [^\n]+$/,
    }, what);
  }
  await assert.rejects(checkBackup(`${at.path}/none`), { code: "invalid" });
  await assert.rejects(checkBackup(at.path), { code: "invalid" });
  const entries = some(1);
  await assert.rejects(writeBackup(`${at.path}/no/such`, { header, entries }), { code: "invalid" });
});

async function put(channels: AdminChannels, entries: Record<string, string>): Promise<void> {
  await channels.call("KV/Txn", {
    success: Object.entries(entries).map(([key, value]) => ({
      request_put: {
        key: new TextEncoder().encode(key),
        value: new TextEncoder().encode(value),
      },
    })),
  });
}

async function all(channels: AdminChannels): Promise<Record<string, string>> {
  const entries = await Array.fromAsync(entriesAt(channels, await revisionNow(channels)));
  return Object.fromEntries(
    entries.map(({ key, value }) => [text.decode(key), text.decode(value)]),
  );
}

/** A key that lives as long as a lease does. */
async function putLeased({ client, paths }: TestVoter): Promise<AsyncDisposable> {
  const query = `ca=${paths.ca}&cert=${paths.voterCertificate}&key=${paths.voterKey}`;
  const url = `etcds:${client.host}:${client.port}/p?${query}`;
  const store = await openStore(url, { stateDir: paths.directory, env: {} });
  const lease = await store.lease(60_000);
  await store.commit({ puts: [{ key: "leased", value: "1", lease }] });
  return store;
}

for (const version of VERSIONS.etcd) {
  Deno.test(`a backup of etcd ${version} is loaded into the cluster that runs, and into a new one of any version`, async () => {
    await using one = await TestVoters.create(1, version);
    const first = await one.startFirst();
    const { channels } = one.admin(first);
    const many = Object.fromEntries(
      Array.from({ length: 1200 }, (_, i) => [`p/${i}`, `value ${i}`]),
    );
    const keys = Object.entries(many);
    for (let i = 0; i < keys.length; i += 100) {
      await put(channels, Object.fromEntries(keys.slice(i, i + 100)));
    }
    await put(channels, { "kept/a": "old" });
    await using _ = await putLeased(first);
    const revision = await revisionNow(channels);
    await put(channels, { "p/0": "later", "p/new": "x", "kept/a": "new" });
    const file = `${first.paths.directory}/backup`;
    // Of the revision of then, whatever was written since.
    await writeBackup(file, {
      header: { ...header, revision },
      entries: entriesAt(channels, revision),
    });
    assert.equal((await checkBackup(file)).entries, 1201);
    const keep = (key: string) => key.startsWith("kept/");
    const done = await replaceKeys(channels, () => readBackup(file), { keep });
    assert.deepEqual(done, { written: 1200, deleted: 1 });
    assert.deepEqual(await all(channels), { ...many, "kept/a": "new" });
    // What lives as long as somebody's lease isn't the backup's matter.
    const { count } = await channels.call("KV/Range", {
      key: new TextEncoder().encode("p/leased"),
      count_only: true,
    });
    assert.equal(count, "1");
    const other = version === VERSIONS.etcd[0] ? VERSIONS.etcd.at(-1)! : VERSIONS.etcd[0];
    await using two = await TestVoters.create(1, other);
    const { channels: fresh } = two.admin(await two.startFirst());
    await replaceKeys(fresh, () => readBackup(file));
    assert.deepEqual(await all(fresh), { ...many, "kept/a": "old" });
  });

  Deno.test(`the only survivor of three goes on by itself, and others join it - etcd ${version}`, async () => {
    await using all3 = await TestVoters.create(4, version);
    const [first, second, third, fourth] = all3.voters as [
      TestVoter,
      TestVoter,
      TestVoter,
      TestVoter,
    ];
    await all3.startFirst();
    await all3.admin(first).users.enable("voter-h0");
    await all3.join(second, [first]);
    await all3.join(third, [first, second]);
    await put(all3.admin(first).channels, { "p/a": "1" });
    await second.child.stop();
    await third.child.stop();
    const open = () => all3.admin(first).channels;
    await recoverAlone(first.member(), { child: first.child, open });
    const { members, channels } = all3.admin(first);
    assert.deepEqual((await members.list()).map(({ name }) => name), ["h0"]);
    assert.deepEqual(await all(channels), { "p/a": "1" });
    await all3.join(fourth, [first]);
    assert.deepEqual((await members.list()).map(({ name }) => name).sort(), ["h0", "h3"]);
    // It isn't made to forget them again when it is started again.
    await first.child.restart();
    await all3.serves(first);
    assert.equal((await members.list()).length, 2);
  });
}
