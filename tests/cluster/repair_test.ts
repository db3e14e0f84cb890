/**
 * A cluster of `cluster init` on the day when it burns, on the executable.
 *
 * @module
 */
import assert from "node:assert/strict";
import { until } from "../harness/command.ts";
import { FormedCluster } from "../harness/formed.ts";
import type { TestHost } from "../harness/host.ts";

async function votes(host: TestHost): Promise<number> {
  const hosts = JSON.parse(await host.ok("cluster", "status", "--format", "json"));
  return hosts.filter(({ role }: { role: string }) => role === "voter").length;
}

Deno.test("a backup is restored, and the survivor of three goes on alone", async () => {
  await using cluster = await FormedCluster.create({ hosts: 3, flags: ["--lease-ttl=3"] });
  await cluster.explain(async () => {
    const [one, two, three] = cluster.hosts as [TestHost, TestHost, TestHost];
    const file = `${one.directory}/backup`;
    await one.ok("network", "create", "-d", "overlay", "-o", "encrypted=false", "prod");
    await one.ok("service", "publish", "web.prod");
    await one.ok("cluster", "backup", file);
    assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
    await one.ok("service", "unpublish", "web.prod");
    await two.ok("service", "publish", "later.prod").catch(() => {});
    await one.ok("cluster", "restore", file);
    const services = async (host: TestHost) => await host.ok("service", "ls");
    await until("it is as it was", async () => {
      const text = await services(two);
      return text.includes("web") && !text.includes("later");
    }, 20_000);
    await Deno.writeTextFile(file, "no backup");
    await one.fails(1, /Cannot read the backup/, "cluster", "restore", file);
    await one.fails(1, /majority/, "cluster", "recover", "--yes");
    const snapshots = [...Deno.readDirSync(`${one.stateDir}/cluster/snapshots`)];
    assert.equal(snapshots.length, 1);
    await until("three vote", async () => await votes(one) === 3, 90_000);
    await one.ok("service", "publish", "last.prod");
    await Promise.all([cluster.crash(1), cluster.crash(2)]);
    await one.fails(1, /insist with --yes/, "cluster", "recover");
    await until(
      "the majority is missed",
      async () => (await one.run(["service", "publish", "x.prod"])).code !== 0,
      30_000,
    );
    assert.match(await one.ok("cluster", "recover", "--yes"), /^Recovered cluster [0-9a-f]{8}: /);
    await until(
      "it takes changes again",
      async () => (await one.run(["service", "publish", "y.prod"])).code === 0,
      60_000,
    );
    assert.match(await services(one), /last/);
    // Another host joins what was recovered.
    const { id } = JSON.parse(await one.ok("cluster", "status", "--format", "json"))
      .find(({ name }: { name: string }) => name === "host-2");
    assert.match(id, /^[0-9a-f]{64}$/);
    assert.ok(three);
  });
});
