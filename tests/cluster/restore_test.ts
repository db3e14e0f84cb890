import assert from "node:assert/strict";
import { until } from "../harness/command.ts";
import { TestCluster } from "../harness/cluster.ts";
import { etcdBackUp, etcdRestore } from "../harness/etcd.ts";
import type { TestHost } from "../harness/host.ts";
import { pings } from "../harness/inside.ts";

Deno.test("what a backup brings back finds its interface's name in use, and holds up nobody", async () => {
  await using cluster = await TestCluster.create({ hosts: 2, store: "etcd" });
  const [one, two] = cluster.hosts as [TestHost, TestHost];
  await cluster.explain(async () => {
    await one.ok("network", "create", "-d", "overlay", "--internal", "prod");
    await one.ok("network", "create", "--internal", "own");
    await two.ok("container", "create", "--net", "prod", "far");
    for (const box of ["box", "other"]) await one.ok("container", "create", box);
    // Each has a service that is to come back, and others beside it.
    for (const [service, box] of [["bb", "box"], ["cc", "box"], ["dd", "other"]] as const) {
      await one.ok("service", "publish", `${service}.prod`);
      await one.ok("service", "attach", box, `${service}.prod`);
    }
    await etcdBackUp(cluster.store);
    const probe = ["network", "create", "-d", "overlay", "--internal", "probe"];
    await until("writes succeed again", async () => (await one.run(probe)).code === 0, 20_000);
    await one.ok("network", "rm", "probe");
    for (const [service, box] of [["bb", "box"], ["dd", "other"]] as const) {
      await one.ok("service", "detach", box, `${service}.prod`);
      await one.ok("service", "unpublish", `${service}.prod`);
    }
    // Their names are given anew: by a network that the backup doesn't have, and by one of the host's own.
    await one.ok("network", "create", "-d", "overlay", "--internal", "lost");
    for (const [service, box] of [["mm.lost", "box"], ["nn.own", "other"]] as const) {
      await one.ok("service", "publish", service);
      await one.ok("service", "attach", box, service);
      assert.match(await one.ok("service", "info", service), /eth0/);
    }
    const since = one.log().length;
    await cluster.store.stop("SIGKILL");
    await etcdRestore(cluster.store);
    await cluster.store.start();
    const begun = performance.now();
    for (const service of ["bb", "cc", "dd"]) {
      await until(`${service} answers`, () => pings(two, "far", service), 15_000);
    }
    assert.ok(performance.now() - begun < 15_000, `after ${performance.now() - begun} ms`);
    for (const service of ["far", "bb", "cc"]) assert.ok(await pings(one, "other", service));
    assert.ok(await pings(one, "box", "nn.own") === false, "of a network that it isn't on");
    const links = (await one.inside("other", ["ip", "-br", "link"])).stdout;
    assert.match(links, /eth0@[^]*eth1@/);
    const log = one.log().slice(since);
    assert.match(log, /Service dd of network prod gets the interface eth1: eth0 is in use/);
    assert.doesNotMatch(log, /File exists|Cannot/);
    await until(
      "all is as the store says",
      async () => !(await one.run(["doctor"])).stdout.includes("isn't as the store says"),
    );
  });
});
