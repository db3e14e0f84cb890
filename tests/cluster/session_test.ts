import assert from "node:assert/strict";
import { until } from "../harness/command.ts";
import { byStore, TestCluster } from "../harness/cluster.ts";

byStore("the manual's session across two hosts", async (store) => {
  await using cluster = await TestCluster.create({ hosts: 2, store });
  const [one, two] = cluster.hosts as [typeof cluster.hosts[0], typeof cluster.hosts[0]];
  await cluster.explain(async () => {
    await one.ok("network", "create", "-d", "overlay", "prod");
    assert.match(await two.ok("network", "ls"), /prod +overlay/);
    await one.ok(
      ..."run -d --name db --publish-service db1.prod -- sleep 1000".split(" "),
    );
    const listed = await two.ok("service", "ls");
    assert.match(
      listed,
      /SERVICE ID +NAME +NETWORK +PROVIDER +HOST +ADDRESS +PORTS\n.* db1 +prod +db +host-1 +[0-9.]+$/m,
    );
    await two.ok(..."run --rm --net prod -- ping -c1 -W2 db1".split(" "));
    const hosts = await two.ok("host", "ls");
    assert.match(hosts, /host-1 +10\.99\.0\.1 +up/);
    assert.match(hosts, /host-2 \* +10\.99\.0\.2 +up/);
    assert.match(await one.ok("host", "info", "host-1"), /Service: db1\.prod/);
    await one.fails(
      125,
      /already has a backend, the container "db"; detach it first/,
      ..."run -d --name x --publish-service db1.prod -- sleep 9".split(" "),
    );
    await two.fails(
      125,
      /already has a backend, the container "db" on host "host-1"; detach it first/,
      ..."run -d --name x --publish-service db1.prod -- sleep 9".split(" "),
    );
    await two.fails(1, /has 1 service: db1/, "network", "rm", "prod");
    await two.fails(1, /Cannot remove host "host-1": it is alive/, "host", "rm", "host-1");
    assert.match(
      (await two.run(["network", "rm", "-f", "prod"])).stderr,
      /Cut db on host "host-1" from service db1.prod/,
    );
    assert.doesNotMatch(await one.ok("network", "ls"), /prod/);
    await until(
      "host-1 has unplugged db",
      async () =>
        (await one.inside("db", ["ip", "-br", "link"])).stdout.trim().split("\n").length <= 2,
    );
    await one.ok("container", "rm", "-f", "db");
  });
});
