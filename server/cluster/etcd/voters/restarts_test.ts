import assert from "node:assert/strict";
import { isAway } from "../../../../lib/api/errors.ts";
import { until } from "../../../../tests/harness/command.ts";
import { snapshotIndex } from "../snapshot_index.ts";
import { program, VERSIONS } from "../../../../tests/harness/versions.ts";
import { VotingTestHosts } from "../../../../tests/harness/voting_hosts.ts";

async function temporary(): Promise<AsyncDisposable & { path: string }> {
  const path = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

Deno.test("three voters go from etcd 3.4 to 3.7, one after the other, and the store takes changes meanwhile", async () => {
  const [oldest, ...later] = VERSIONS.etcd;
  // The package's program, which an upgrade replaces.
  await using directory = await temporary();
  const installed = `${directory.path}/etcd`;
  const install = async (version: string) => {
    await Deno.copyFile(program("etcd", version), `${installed}.new`);
    await Deno.rename(`${installed}.new`, installed);
  };
  await install(oldest);
  await using cluster = await VotingTestHosts.create(3, installed);
  await cluster.untilVoting("h0 h1 h2");
  const [{ store }] = cluster.hosts as [typeof cluster.hosts[0]];
  let on = true;
  let written = 0;
  const writing = (async () => {
    while (on) {
      // One whose answer the restart has cut off is in doubt, and so written again.
      const done = await store.commit({ puts: [{ key: "public/n", value: `${written + 1}` }] })
        .catch((error) => {
          if (!isAway(error)) throw error;
          return undefined;
        });
      if (done) written++;
    }
  })();
  for (const version of later) {
    const before = written;
    // Two versions further: refused, and nothing has happened.
    const far = VERSIONS.etcd[VERSIONS.etcd.indexOf(version) + 1];
    if (far) {
      await install(far);
      await assert.rejects(cluster.hosts[1]!.restarts.restart(), { code: "unsupported" });
    }
    await install(version);
    for (const { restarts, voter } of cluster.hosts) {
      const stale = await voter.child.stale();
      assert.ok(stale?.program, `${version} is noticed`);
      await until("its turn has come", () =>
        restarts.restart().then(() => true, (error) => {
          if (error.code === "conflict") return false;
          throw error;
        }), 60_000);
      assert.match(voter.child.version!, new RegExp(`^${version.replaceAll(".", "\\.")}`));
      assert.equal(await voter.child.stale(), undefined);
    }
    await until("it writes on", () => written > before);
  }
  on = false;
  await writing;
  for (const { store } of cluster.hosts) {
    assert.equal((await store.get("public/n"))?.value, `${written}`);
  }
  // Back again is refused: it couldn't read what the later one has written.
  await install(oldest);
  await assert.rejects(cluster.hosts[0]!.restarts.restart(), {
    code: "unsupported",
    message: /can't read/,
  });
  assert.ok(cluster.hosts[0]!.voter.child.running);
});

// What 3.5 leaves in its log is the end of 3.7.
for (const first of VERSIONS.etcd.slice(0, 2)) {
  Deno.test(`a single voter where hardly anything is written goes from etcd ${first} to 3.7, and has a backup of each step`, async () => {
    const later = VERSIONS.etcd.slice(VERSIONS.etcd.indexOf(first) + 1);
    await using directory = await temporary();
    const installed = `${directory.path}/etcd`;
    const install = async (version: string) => {
      await Deno.copyFile(program("etcd", version), `${installed}.new`);
      await Deno.rename(`${installed}.new`, installed);
    };
    await install(first);
    let backups = 0;
    await using cluster = await VotingTestHosts.create(1, installed, () => {
      backups++;
      return Promise.resolve();
    });
    await cluster.untilVoting("h0");
    const [{ store, restarts, voter }] = cluster.hosts as [typeof cluster.hosts[0]];
    await store.commit({ puts: [{ key: "public/n", value: "1" }] });
    for (const [i, version] of later.entries()) {
      await install(version);
      await restarts.restart();
      assert.equal(backups, i + 1);
      assert.ok(voter.child.version!.startsWith(version));
      assert.ok(await snapshotIndex(voter.child.data) > 0);
    }
    // The new version reads its own log at its next start, too.
    await restarts.restart();
    assert.equal(backups, later.length);
    assert.equal((await store.get("public/n"))?.value, "1");
  });
}

Deno.test("while another voter isn't well, none is restarted", async () => {
  await using cluster = await VotingTestHosts.create(3);
  await cluster.untilVoting("h0 h1 h2");
  await cluster.hosts[2]!.vote[Symbol.asyncDispose]();
  await cluster.all.voters[2]!.child.stop();
  await assert.rejects(cluster.hosts[0]!.restarts.restart(), {
    code: "conflict",
    message: /"h2" isn't well/,
  });
});
