import assert from "node:assert/strict";
import { isRunning, signal } from "../../../lib/linux/processes/process_table.ts";
import { until } from "../../../tests/harness/command.ts";
import { type TestVoter, TestVoters } from "../../../tests/harness/voters.ts";
import { program, VERSIONS } from "../../../tests/harness/versions.ts";

/** The process that a voter's record names. */
function recorded(directory: string): { pid: number; start: string; boot: string } {
  return JSON.parse(Deno.readTextFileSync(`${directory}/etcd.json`)).process;
}

Deno.test("an etcd whose first start fails, as on a full disk, is tried again by itself", async () => {
  await using all = await TestVoters.create(1);
  const [first] = all.voters as [typeof all.voters[0]];
  // No record can be written, as where there is no room.
  const blocked = `${first.paths.directory}/etcd.json.new`;
  await Deno.mkdir(blocked);
  await assert.rejects(first.child.start(first.member()));
  await until("what was started is gone", () => !first.child.running);
  await Deno.remove(blocked);
  await all.serves(first);
});

/** A voter whose etcd is a file that can be replaced, as by its package. */
async function replaceable(all: TestVoters, version: string) {
  const [first] = all.voters as [TestVoter];
  const path = `${all.directory}/installed`;
  const install = async (version: string) => {
    await Deno.copyFile(program("etcd", version), `${path}.new`);
    await Deno.rename(`${path}.new`, path);
  };
  await install(version);
  first.open(path);
  await all.startFirst();
  return { first, path, install };
}

Deno.test("a host that boots with a later etcd goes on with the one of before, until it is told to upgrade", async () => {
  const [oldest, next, , newest] = VERSIONS.etcd;
  await using all = await TestVoters.create(1, oldest);
  const { first, path, install } = await replaceable(all, oldest);
  const runs = (version: string) => assert.ok(first.child.version!.startsWith(version));
  for (const version of [newest, next]) {
    await first.child.stop();
    await install(version);
    await first.open(path).start(first.member());
    await all.serves(first);
    runs(oldest);
    // Neither does one that is restarted for another reason.
    await first.child.restart();
    runs(oldest);
    assert.ok((await first.child.stale())?.program?.would.startsWith(version));
  }
  await first.child.restart({ upgrade: true });
  await all.serves(first);
  runs(next);
  // Its program is gone at the next boot.
  await first.child.stop();
  await Deno.remove(path);
  await first.open(path).start(first.member());
  await all.serves(first);
  runs(next);
});

Deno.test("without the program of before a later etcd has the data copied first, or is refused with what to do", async () => {
  const [oldest, next, third, newest] = VERSIONS.etcd;
  await using all = await TestVoters.create(1, oldest);
  const { first, path, install } = await replaceable(all, oldest);
  const { paths } = first;
  const boot = async (version: string) => {
    await first.child.stop();
    await Deno.remove(paths.etcdProgram);
    await install(version);
    await first.open(path).start(first.member());
  };
  await boot(next);
  await all.serves(first);
  const copy = [...Deno.readDirSync(paths.directory)].map(({ name }) => name)
    .filter((name) => /^etcd\.of-3\.4\.\d+$/.test(name));
  assert.equal(copy.length, 1);
  assert.ok((await Deno.stat(`${paths.directory}/${copy[0]}/member/snap/db`)).size > 0);
  await boot(third);
  await all.serves(first);
  await assert.rejects(boot(newest), {
    code: "unsupported",
    message: /may not be able to read the log.*--etcd PATH of an etcd 3\.6/,
  });
  assert.equal(first.child.running, false);
  await first.child.stop();
  await first.open(third).start(first.member());
  await all.serves(first);
});

for (const version of VERSIONS.etcd) {
  Deno.test(`etcd ${version} is taken up again by the next daemon, and started again when it ends`, async () => {
    await using all = await TestVoters.create(1, version);
    const first = await all.startFirst();
    const { directory } = first.paths;
    const process = recorded(directory);
    // The daemon ends, and the next one comes.
    first.child[Symbol.dispose]();
    assert.ok(isRunning(process));
    first.open(version);
    assert.ok(first.child.running);
    await first.child.start(first.member());
    assert.deepEqual(recorded(directory), process);
    assert.equal(await first.child.stale(), undefined);
    signal(process.pid, 9);
    await until("another process runs", () => {
      const now = recorded(directory);
      return now.start !== process.start && isRunning(now);
    }, 30_000);
    await all.serves(first);
    await first.child.stop();
    assert.equal(first.child.running, false);
    await first.child.stop();
  });

  Deno.test(`etcd ${version} asks for a user, who is whom the certificate names`, async () => {
    await using all = await TestVoters.create(2, version);
    const first = await all.startFirst();
    const [, other] = all.voters;
    const root = all.admin(first);
    await root.users.addRole("host", [{ prefix: "netsvc/", access: "readwrite" }, {
      prefix: "netsvc-cluster/",
      access: "read",
    }]);
    await root.users.add("h1", "host");
    for (let i = 0; i < 2; i++) await root.users.enable(`voter-${first.id}`);
    const host = all.admin(other!, { as: "host" });
    const put = (key: string) => ({
      success: [{
        request_put: { key: new TextEncoder().encode(key), value: new Uint8Array([1]) },
      }],
    });
    await host.channels.call("KV/Txn", put("netsvc/a"), { once: true });
    for (const key of ["netsvc-cluster/a", "netsvc-secret/a", "netsvc", "a"]) {
      await assert.rejects(host.channels.call("KV/Txn", put(key), { once: true }), {
        code: "unauthorized",
      });
    }
    await assert.rejects(host.users.list(), { code: "unauthorized" });
    await assert.rejects(host.users.add("me", "root"), { code: "unauthorized" });
    await assert.rejects(host.members.addLearner("https://127.0.0.1:1"), { code: "unauthorized" });
    await assert.rejects(host.members.remove("1"), { code: "unauthorized" });
    // A voter's certificate without its user.
    await assert.rejects(all.admin(other!).users.list(), { code: "unauthorized" });
    assert.deepEqual((await root.users.list()).sort(), ["h1", "root", "voter-h0"]);
    await root.users.delete("h1");
    await root.users.delete("h1");
    await assert.rejects(host.channels.call("KV/Txn", put("netsvc/a"), { once: true }), {
      code: "unauthorized",
    });
  });
}
