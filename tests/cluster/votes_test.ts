/**
 * Votes of a cluster of `cluster init`, on the executable: who has one, who gets one, and what that costs others.
 *
 * @module
 */
import assert from "node:assert/strict";
import { until } from "../harness/command.ts";
import { FormedCluster } from "../harness/formed.ts";
import type { TestHost } from "../harness/host.ts";
import { SERVERS } from "../harness/versions.ts";

/** Names of the voters, as a host sees them. */
async function voters(host: TestHost): Promise<string> {
  const hosts = JSON.parse(await host.ok("cluster", "status", "--format", "json"));
  return hosts.filter(({ role }: { role: string }) => role === "voter")
    .map(({ name }: { name: string }) => name).join(" ");
}

/** Whether a voter's certificate may do what voters do. */
async function mayDoAll(from: TestHost, { stateDir }: TestHost): Promise<boolean> {
  const at = `${stateDir}/cluster`;
  const { code } = await from.namespace.run([
    `${SERVERS}/etcd/usr/bin/etcdctl`,
    ...["--endpoints=https://10.99.0.2:2479", `--cacert=${at}/ca.crt`, "--command-timeout=5s"],
    ...[`--cert=${at}/voter.crt`, `--key=${at}/voter.key`, "user", "list"],
  ], { env: { ETCDCTL_API: "3" } });
  return code === 0;
}

Deno.test("from the third host on three vote, and one that lost its power is replaced", async () => {
  await using cluster = await FormedCluster.create({
    hosts: 4,
    flags: ["--replace-after=30", "--lease-ttl=3"],
  });
  await cluster.explain(async () => {
    const [first, second] = cluster.hosts as [TestHost, TestHost];
    const see = (host: TestHost, wanted: RegExp) =>
      until(`${wanted} vote`, async () => wanted.test(await voters(host).catch(() => "")), 120_000);
    const three = /^host-1 host-2 host-[34]$/;
    await see(first, three);
    await see(cluster.hosts[3]!, three);
    await first.ok("network", "create", "-d", "overlay", "-o", "encrypted=false", "prod");
    // The voters' daemons begin again, and are voters again.
    await second.stop("SIGKILL");
    await second.start();
    await see(second, three);
    // The host that made the cluster is gone, with its etcd.
    await cluster.crash(0);
    await second.ok("service", "publish", "web.prod");
    await see(second, /^host-2 host-3 host-4$/);
    // Who has copied its disk has no rights of a voter by it.
    await until("its rights are taken", async () => !await mayDoAll(second, first), 30_000);
    assert.ok(await mayDoAll(second, second));
    assert.match(await cluster.hosts[3]!.ok("service", "ls"), /web/);
    // It comes back with data of a vote that it has no more.
    await first.start();
    await until("it is a client", () => {
      const file = JSON.parse(Deno.readTextFileSync(`${first.stateDir}/cluster/cluster.json`));
      return file.role === "client";
    }, 60_000);
    assert.match(await first.ok("service", "ls"), /web/);
  });
});
