import assert from "node:assert/strict";
import { until } from "../../../../tests/harness/command.ts";
import { createAuthority } from "../../../../lib/x509/x509.ts";
import { memberUrl } from "../arguments.ts";
import { newest, VERSIONS } from "../../../../tests/harness/versions.ts";
import { VotingTestHosts } from "../../../../tests/harness/voting_hosts.ts";

for (const version of [VERSIONS.etcd[0], newest("etcd")]) {
  Deno.test(`three of four hosts vote, and one that is gone is replaced - etcd ${version}`, async () => {
    await using cluster = await VotingTestHosts.create(4, version);
    const [first] = cluster.hosts;
    await cluster.untilVoting("h0 h1 h2");
    assert.equal(cluster.hosts.filter(({ coordinator }) => coordinator.leads).length, 1);
    const { ok } = await first!.store.commit({ puts: [{ key: "public/a", value: "1" }] });
    assert.ok(ok);
    // The first one goes, who made the cluster; another coordinates then.
    await cluster.lose("h0");
    const second = cluster.hosts[1]!;
    await cluster.untilVoting("h1 h2 h3", second);
    assert.equal((await second.store.get("public/a"))?.value, "1");
    assert.equal(cluster.hosts.slice(1).filter(({ coordinator }) => coordinator.leads).length, 1);
    await until(
      "its own etcd runs where there is a vote",
      () => cluster.hosts.slice(1).every(({ voter, role }) => voter.child.kept && role === "voter"),
      30_000,
    );
    // A host that is no more has no vote either.
    cluster.facts.splice(3, 1);
    cluster.facts.splice(0, 1);
    await until("one votes", async () => {
      await cluster.look(second);
      return cluster.members.length === 1;
    }, 60_000);
    assert.equal((await second.store.get("public/a"))?.value, "1");
  });
}

Deno.test("etcd is restarted in turn for a second authority, and the store takes changes meanwhile", async () => {
  await using cluster = await VotingTestHosts.create(3);
  await cluster.untilVoting("h0 h1 h2");
  await until("all are kept", () => cluster.hosts.every(({ voter }) => voter.child.kept), 30_000);
  const pids = () =>
    cluster.all.voters.map(({ paths }) =>
      JSON.parse(Deno.readTextFileSync(`${paths.directory}/etcd.json`)).process.start
    );
  const before = pids();
  for (const { paths } of cluster.all.voters) {
    const { certificate } = await createAuthority("another", Date.now() + 86_400_000);
    await Deno.writeTextFile(paths.ca, certificate, { append: true });
  }
  let writes = 0;
  await until("all are others", async () => {
    // One that is under way when its etcd ends is in doubt, and said again.
    const result = await cluster.hosts[0]!.store.commit({
      puts: [{ key: "public/n", value: String(writes) }],
    }).catch((error) => assert.equal(error.code, "timeout", String(error)));
    if (!result?.ok) return false;
    writes++;
    return pids().every((pid, n) => pid !== before[n]);
  }, 90_000);
  assert.ok(writes > 0);
  const values = await Promise.all(cluster.hosts.map(({ store }) => store.get("public/n")));
  assert.deepEqual(values.map((entry) => entry?.value), Array(3).fill(String(writes - 1)));
});

Deno.test("a voter that is at another address is told of to the others, and goes on", async () => {
  await using cluster = await VotingTestHosts.create(3);
  await cluster.untilVoting("h0 h1 h2");
  const moved = cluster.hosts[2]!;
  await until("its etcd is kept", () => moved.voter.child.kept, 30_000);
  // What would start it where it was.
  await moved.vote[Symbol.asyncDispose]();
  await moved.voter.child.stop();
  const { client, peer } = cluster.move("h2");
  await moved.voter.child.start(moved.voter.member(cluster.all.voters.slice(0, 2)));
  const { members } = cluster.all.admin(cluster.all.voters[0]!);
  await until("etcd knows where it is", async () => {
    const all = await members.list();
    return all.find(({ name }) => name === "h2")!.peerUrls.join() === memberUrl(peer);
  }, 60_000);
  await until("all daemons know", async () => {
    await cluster.look(cluster.hosts[0]!);
    return cluster.members.find(({ host }) => host === "h2")!.client.port === client.port;
  }, 30_000);
  // It is needed for the majority now.
  await cluster.lose("h1");
  await until(
    "the store takes changes",
    () =>
      moved.store.commit({ puts: [{ key: "public/n", value: "1" }] }).then(
        ({ ok }) => ok,
        () => false,
      ),
    60_000,
  );
});
