import assert from "node:assert/strict";
import { until } from "../../../../tests/harness/command.ts";
import { VERSIONS } from "../../../../tests/harness/versions.ts";
import { type VotingTestHost, VotingTestHosts } from "../../../../tests/harness/voting_hosts.ts";

for (const version of VERSIONS.etcd) {
  Deno.test(`a store that is full takes changes again by itself - etcd ${version}`, async () => {
    await using cluster = await VotingTestHosts.create(2, version);
    const [{ store, voter, coordinator }, second] = cluster.hosts as [
      VotingTestHost,
      VotingTestHost,
    ];
    await store.commit({ puts: [{ key: "a", value: "1" }] });
    // Nobody coordinates when it is full: whoever does must not need the store for it.
    await coordinator[Symbol.asyncDispose]();
    await second.coordinator[Symbol.asyncDispose]();
    const { channels } = cluster.all.admin(voter);
    // As etcd does itself when its quota is used up.
    const activate = { action: "ACTIVATE", memberID: "0", alarm: "NOSPACE" };
    await channels.call("Maintenance/Alarm", activate as never);
    await second.coordinator.round();
    await until(
      "it takes changes",
      () =>
        store.commit({ puts: [{ key: "a", value: "2" }] }).then(({ ok }) => ok, (error) => {
          assert.match(error.message, /is full/);
          return false;
        }),
      30_000,
    );
    assert.equal((await store.get("a"))?.value, "2");
  });
}
