import assert from "node:assert/strict";
import { clusterLeaks, shortLease, shortLeased } from "../chaos/cluster_chaos.ts";
import { run, until } from "../harness/command.ts";
import { byStore, TestCluster } from "../harness/cluster.ts";
import { dig, links, pings } from "../harness/inside.ts";
import type { TestHost } from "../harness/host.ts";

byStore("a host that goes silent, is replaced and comes back", async (store) => {
  const ttl = shortLease(store);
  // A lease ends late by up to its own length with some stores, and the machine may be slow.
  const over = 3 * ttl * 1000 + 20_000;
  await using cluster = await TestCluster.create({
    hosts: 3,
    store,
    flags: [`--lease-ttl=${ttl}`],
  });
  const [one, two, three] = cluster.hosts as [TestHost, TestHost, TestHost];
  await cluster.explain(async () => {
    await one.ok("network", "create", "-d", "overlay", "prod");
    for (const name of ["keeps", "loses", "cut", "ended"]) {
      await one.ok(
        "run",
        "-d",
        "--name",
        name,
        "--publish-service",
        `${name}.prod`,
        "--",
        "sleep",
        "999",
      );
    }
    const address = await dig(one, "keeps", "loses");
    await two.ok("container", "create", "--net", "prod", "near");
    await three.ok("container", "create", "--net", "prod", "far");
    for (const name of ["keeps", "loses"]) {
      await until(`${name} answers`, () => pings(two, "near", name), 20_000);
    }

    const keeps = await one.sandbox("keeps");
    await one.stop("SIGKILL");
    assert.ok(await pings(two, "near", "keeps"), "its names live as long as its lease");
    assert.match(
      (await two.run(["service", "unpublish", "keeps.prod"])).stderr,
      /the container "keeps" on host "host-1" backs it; detach it first or use -f/,
    );
    await until("its names are gone", async () => await dig(two, "near", "keeps") === "", over);
    await until("and everywhere", async () => await dig(three, "far", "loses") === "", over);
    await until(
      "host ls says so",
      async () => /host-1 +10\.99\.0\.1 +down/.test(await two.ok("host", "ls")),
      over,
    );
    const listed = await three.ok("service", "ls", "--format", "{{.Name}}:{{.Provider}}:{{.Host}}");
    for (const name of ["keeps", "loses", "cut", "ended"]) {
      assert.match(
        listed,
        new RegExp(`^${name}::$`, "m"),
        "it stays, without provider",
      );
    }
    const near = await dig(two, "near", "near");
    const ping = await run(["ping", "-c1", "-W2", near], { namespace: keeps });
    assert.equal(ping.code, 0, "the traffic of its containers goes on");

    await two.ok("service", "attach", "near", "loses.prod");
    assert.equal(await dig(three, "far", "loses"), address, "with the address that it had");
    await until("it answers from its new host", () => pings(three, "far", "loses"), 20_000);
    await three.ok("service", "detach", "-f", "cut.prod");
    await three.ok("service", "unpublish", "-f", "ended.prod");
    assert.doesNotMatch(await two.ok("service", "ls"), /ended/);

    await one.start();
    await until("what is its own answers again", () => pings(three, "far", "keeps"), 20_000);
    await until("on all hosts", () => pings(two, "near", "keeps"), 20_000);
    assert.equal(await dig(one, "keeps", "loses"), address);
    await until(
      "the others are unplugged",
      async () =>
        await links(one, "loses") === 0 && await links(one, "cut") === 0 &&
        await links(one, "ended") === 0,
      20_000,
    );
    assert.equal(await links(one, "keeps"), 2, "the network and the way out");
    for (
      const [name, why] of [
        ["loses", 'it is attached on host "host-2" now'],
        ["cut", "it was detached from another host"],
        ["ended", "it was unpublished"],
      ]
    ) {
      await until(
        `the log tells of ${name}`,
        () => one.log().includes(`Detached service ${name} of network prod: ${why}`),
      );
    }
    assert.ok(await pings(one, "keeps", "loses"));
    // What it gave up is another's to have.
    await one.ok("service", "attach", "loses", "cut.prod");
    assert.ok(await pings(three, "far", "cut"));
  });
});

byStore("a daemon that is restarted in time has never been away", async (store) => {
  await using cluster = await TestCluster.create({ hosts: 2, store });
  const [one, two] = cluster.hosts as [TestHost, TestHost];
  await cluster.explain(async () => {
    await one.ok("network", "create", "-d", "overlay", "prod");
    await one.ok("container", "create", "--net", "prod", "db");
    await two.ok("container", "create", "--net", "prod", "web");
    const address = await until("db answers", async () => {
      const resolved = await dig(two, "web", "db");
      return resolved !== "" && await pings(two, "web", "db") && resolved;
    });
    const namespace = await two.sandbox("web");
    let on = true;
    let asked = 0;
    const missed: string[] = [];
    const asking = (async () => {
      while (on) {
        const resolved = await dig(two, "web", "db");
        if (resolved !== address) missed.push(resolved);
        asked++;
      }
    })();
    const ping = run(["ping", "-i", "0.1", "-c", "60", "-W", "2", address], { namespace });
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      await one.stop(signal);
      await one.start();
    }
    const { stdout } = await ping;
    on = false;
    await asking;
    assert.deepEqual(missed, [], `of ${asked} answers`);
    assert.ok(asked > 3);
    assert.match(stdout, / 0% packet loss/);
    assert.match(await two.ok("host", "ls"), /host-1 +10\.99\.0\.1 +up/);
  });
}, ["etcd", "zookeeper"]);

Deno.test("what another host takes away takes the way out along", async () => {
  await using cluster = await TestCluster.create({ hosts: 2, store: "etcd" });
  const [one, two] = cluster.hosts as [TestHost, TestHost];
  await cluster.explain(async () => {
    await one.ok("network", "create", "-d", "overlay", "prod");
    await one.ok("container", "create", "box");
    await one.ok("service", "publish", "db.prod");
    await one.ok("service", "attach", "box", "db.prod");
    assert.equal(await links(one, "box"), 2);
    await two.ok("service", "detach", "-f", "db.prod");
    await until("the network and the way out are gone", async () => await links(one, "box") === 0);
    await two.ok("service", "unpublish", "db.prod");
    await one.ok("container", "rm", "box");
    await two.ok("network", "rm", "prod");
  });
});

byStore("a host with everything in it is gone, and boots again", async (store) => {
  await using cluster = await shortLeased(store);
  const [one, two] = cluster.hosts as [TestHost, TestHost];
  await cluster.explain(async () => {
    await one.ok("network", "create", "-d", "overlay", "prod");
    await one.ok("run", "-d", "--name", "db", "--publish-service", "db.prod", "--", "sleep", "999");
    await one.ok("run", "-d", "--name", "own", "--net", "prod", "--", "sleep", "999");
    await two.ok("container", "create", "--net", "prod", "web");
    await until("db answers", () => pings(two, "web", "db"), 20_000);
    await cluster.crash(0);
    await one.start();
    assert.match(await one.ok("container", "ls"), /db .*exited/i);
    await until(
      "no key of it is left over",
      async () => (await clusterLeaks(cluster)).length === 0,
      20_000,
    );
    assert.equal(await dig(two, "web", "db"), "");
    assert.match(await two.ok("service", "ls"), / db +prod +[0-9.]+$/m);
    assert.doesNotMatch(await two.ok("service", "ls"), /own/, "what the container took along");
    await two.ok("service", "attach", "web", "db.prod");
    await one.ok("container", "create", "--net", "prod", "new");
    await until("db answers", () => pings(one, "new", "db"), 20_000);
  });
}, ["etcd"]);

Deno.test("a host that is gone for good is forgotten", async () => {
  await using cluster = await TestCluster.create({
    hosts: 2,
    store: "etcd",
    flags: ["--lease-ttl=2"],
  });
  const [one, two] = cluster.hosts as [TestHost, TestHost];
  await cluster.explain(async () => {
    await one.ok("network", "create", "-d", "overlay", "prod");
    await one.ok("container", "create", "--net", "prod", "db");
    await one.stop("SIGKILL");
    await until("it is down", async () => /host-1 .*down/.test(await two.ok("host", "ls")), 20_000);
    assert.match(
      (await two.run(["host", "rm", "host-1"])).stderr,
      /Cut the backend of 1 service: db/,
    );
    assert.doesNotMatch(await two.ok("host", "ls"), /host-1/);
    await two.ok("service", "unpublish", "db.prod");
    await two.ok("network", "rm", "prod");
    const keys = (await cluster.storeEntries()).map(({ key }) => key.split("/")[0]);
    assert.deepEqual(keys.sort(), ["host-leases", "host-names", "hosts", "meta", "tunnels"]);
  });
});
