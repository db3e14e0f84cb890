/**
 * What `cluster status` and `doctor` say of a cluster of `cluster init`, with faults that are made for real: on the executable.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import type { ClusterHost, Finding } from "../../lib/api/types.ts";
import { until } from "../harness/command.ts";
import { FormedCluster } from "../harness/formed.ts";
import type { TestHost } from "../harness/host.ts";
import { program } from "../harness/versions.ts";

const LEASE_S = 6;
const LONG = { timeout: 90_000 };

async function status(host: TestHost): Promise<ClusterHost[]> {
  const { code, stdout } = await host.run(["cluster", "status", "--format", "json"], LONG);
  return code === 0 ? JSON.parse(stdout) : [];
}

/** What the doctor says of the cluster. */
async function diagnose(host: TestHost): Promise<string> {
  const { stdout } = await host.run(["doctor", "--format", "json"], LONG);
  return (JSON.parse(stdout) as Finding[]).filter(({ check }) =>
    ["cluster", "disk"].includes(check)
  )
    .map(({ status, message, remedy = "" }) => `${status}: ${message} → ${remedy}`).join("\n");
}

/** Waits until a host's status says something below its table. */
async function says(host: TestHost, wanted: RegExp, ms = 60_000): Promise<void> {
  let last = "";
  await until(`${wanted} is said`, async () => {
    const { stderr, stdout } = await host.run(["cluster", "status"], LONG);
    last = stdout + stderr;
    return wanted.test(stderr);
  }, ms).catch((error) => {
    throw new Error(`${error}; last:\n${last}`);
  });
}

Deno.test("status and doctor tell what is wrong with a cluster, and nothing else", async (t) => {
  await using cluster = await FormedCluster.create({
    hosts: 3,
    flags: [`--lease-ttl=${LEASE_S}`],
    apart: true,
  });
  const [one, two, three] = cluster.hosts as [TestHost, TestHost, TestHost];
  const step = (name: string, action: () => Promise<void>) =>
    t.step(name, () => cluster.explain(action));
  const etcd = `${three.directory}/etcd`;
  const threeVote = () =>
    until("three vote", async () => {
      const votes = (await status(one)).filter(({ store = "" }) => /leader|follower/.test(store));
      return votes.length === 3;
    }, 120_000);
  const sound = (host: TestHost) =>
    until("all is well", async () => /^ok: /.test(await diagnose(host)), 60_000);

  await step("a host without an etcd hears at the join that it can't vote", async () => {
    await one.ok("cluster", "init");
    await cluster.join(two);
    await three.ok("network", "create", "--subnet", "10.77.0.0/24", "Prod");
    await three.ok("network", "create", "--subnet", "10.78.0.0/24", "other");
    const overlay = "network create -d overlay -o encrypted=false --subnet".split(" ");
    await one.ok(...overlay, "10.88.0.0/24", "prod");
    await one.ok(...overlay, "10.78.0.0/16", "wide");
    await Deno.symlink(`${dirname(program("etcd"))}/nothing`, etcd);
    const { code, stderr } = await three.run(
      ["cluster", "join", "--etcd", etcd, await cluster.token()],
      LONG,
    );
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^netsvc: This host can't vote: There is no etcd at .*apt-get install/m);
    assert.match(stderr, /^netsvc: The cluster has a network "prod", and so has this host itself/m);
    assert.match(stderr, /^netsvc: Network "other" of this host \(10\.78\.0\.0\/24\) overlaps/m);
    await says(one, /1 of 3 hosts that should vote do, since host-3 can't: no etcd/);
    assert.match(await diagnose(one), /^warning: 1 of 3 hosts that should vote/m);
    assert.match(await diagnose(three), /^warning: This host can't vote: There is no etcd/m);
    await three.ok("network", "rm", "Prod", "other");
    await one.ok("network", "rm", "prod", "wide");
  });

  await step("it votes once it has one; then all is well, on each", async () => {
    await Deno.remove(etcd);
    await Deno.symlink(program("etcd"), etcd);
    await threeVote();
    for (const host of cluster.hosts) {
      await sound(host);
      for (const { status: is, lastSeen, self } of await status(host)) {
        assert.equal(is, "up");
        assert.ok(lastSeen! <= (self ? 0 : LEASE_S * 1000), `${lastSeen}`);
      }
    }
  });

  await step("a voter whose etcd's program is gone", async () => {
    await Deno.remove(etcd);
    assert.match(
      await diagnose(three),
      /^warning: This voter's etcd is a copy that netsvc has kept, since its program is gone/,
    );
    await Deno.symlink(program("etcd"), etcd);
    await sound(three);
  });

  await step("a port that a firewall drops", async () => {
    const chain = "chain c { type filter hook input priority 5; tcp dport 2480 drop; };";
    await two.namespace.ok(["nft", "-f", "-"], { stdin: `table inet other { ${chain} }` });
    assert.match(
      await diagnose(one),
      /^problem: Nothing comes back from TCP port 2480 of voter "host-2" → Allow it there/m,
    );
    await two.namespace.ok(["nft", "delete", "table", "inet", "other"]);
    await sound(one);
  });

  await step("a host that is cut off is down when its lease has ended, and knows why", async () => {
    await cluster.setLink(2, "down");
    await until("it is heard of no more", async () => {
      const third = (await status(one)).find(({ name }) => name === "host-3");
      return third?.status === "up" && third.lastSeen! >= 2_000;
    }, 30_000);
    await until("it is down", async () => {
      return /^host-3 +\S+ +voter +unreachable +until \d+ +down$/m.test(
        await one.ok("cluster", "status"),
      );
    }, 30_000);
    await says(one, /2 of 3 voters answer: host-3 doesn't, and if one more fails/);
    await says(three, /No majority: 1 of 3 voters answers.*Bring host-1, host-2 back/);
    const seen = await status(three);
    assert.deepEqual(seen.map(({ role }) => role), ["voter", "voter", "voter"]);
    assert.match(await diagnose(three), /^problem: No majority: 1 of 3 voters answers/m);
    await cluster.setLink(2, "up");
    for (const host of cluster.hosts) await sound(host);
  });

  await step("a host that was removed while it runs is told so, also after a restart", async () => {
    // Half a removal is finished by saying it again.
    await until("it is out", async () => {
      const { code, stderr } = await one.run(["host", "rm", "-f", "host-3"], LONG);
      return code === 0 || /No such host/.test(stderr);
    }, 60_000);
    const wanted = /removed from the cluster by host host-1 \(.* UTC\)\. .*leave -f here, then/;
    await says(three, wanted);
    assert.match(await diagnose(three), /^problem: This host was removed from the cluster by host/);
    await three.stop();
    await three.start();
    await says(three, wanted);
    await three.ok("cluster", "leave", "-f");
    await three.ok("cluster", "join", "--etcd", etcd, await cluster.token());
    await threeVote();
    await sound(three);
  });
});
