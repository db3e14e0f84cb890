import assert from "node:assert/strict";
import { ok, until } from "../harness/command.ts";
import { TestCluster } from "../harness/cluster.ts";
import { dig } from "../harness/inside.ts";
import type { TestHost } from "../harness/host.ts";

const TTL = 3;

Deno.test("two hosts of one name are told apart, at once and for as long as it lasts", async () => {
  await using cluster = await TestCluster.create({
    hosts: 3,
    store: "etcd",
    stopped: true,
    flags: [`--lease-ttl=${TTL}`],
    flagsOf: (n) => n === 1 ? ["--host-name=host-1"] : [],
  });
  const [one, twin, third] = cluster.hosts as [TestHost, TestHost, TestHost];
  await cluster.explain(async () => {
    await Promise.all([one.start(), third.start()]);
    await one.ok("network", "create", "-d", "overlay", "prod");
    await one.ok("container", "create", "--net", "prod", "box-a");
    await third.ok("container", "create", "--net", "prod", "box-c");
    // While the first one lives the other one is refused at once.
    const begun = performance.now();
    await assert.rejects(
      twin.start(),
      /The host name "host-1" is that of another living host \([0-9a-f]{12}\); give .* --host-name/,
    );
    assert.ok(performance.now() - begun < 5_000, `after ${performance.now() - begun} ms`);
    // While it is silent that is said, and then the name is taken.
    await cluster.setLink("host-1", "down");
    const starting = twin.start();
    await until(
      "it says what it waits for",
      () => /name "host-1" is that of host \w{12}, whose daemon doesn't answer/.test(twin.log()),
      5_000,
    );
    await starting;
    await twin.ok("container", "create", "--net", "prod", "box-b");
    await until(
      "box-a has no name any more",
      async () => await dig(third, "box-c", "box-a") === "",
      20_000,
    );
    await cluster.setLink("host-1", "up");
    const name = /^host-1-[0-9a-f]{12}$/;
    const hosts = async (host: TestHost) =>
      (await host.ok("host", "ls", "--format", "{{.Name}} {{.Address}} {{.Status}}"))
        .trim().split("\n").sort();
    await until(
      "the first one is registered again",
      async () => (await hosts(one)).length === 3,
      30_000,
    );
    const listed = await hosts(one);
    assert.match(listed[1]!.split(" ")[0]!, name);
    assert.deepEqual(listed.map((line) => line.split(" ").slice(1).join(" ")), [
      "10.99.0.2 up",
      "10.99.0.1 up",
      "10.99.0.3 up",
    ]);
    for (const host of [twin, third]) {
      await until("all say the same", async () => `${await hosts(host)}` === `${listed}`);
    }
    // What it has is there for everybody, and it says why it has another name.
    for (const host of cluster.hosts) {
      await until(
        "its service has its provider",
        async () => /box-a +prod .*box-a +host-1-\w{12}/.test(await host.ok("service", "ls")),
      );
    }
    await until("its name answers", async () => await dig(third, "box-c", "box-a") !== "");
    await one.ok("container", "create", "--net", "prod", "box-d");
    const said =
      /host name "host-1" is that of another living host \(\w{12} at 10\.99\.0\.2\) by now: this one is registered as "host-1-\w{12}"/;
    assert.match(one.log(), said);
    assert.match((await one.run(["doctor"])).stdout, said);
    assert.doesNotMatch((await twin.run(["doctor"])).stdout, said);
  });
});

Deno.test("a machine that was copied with its state isn't taken for the one that it was copied from", async () => {
  await using cluster = await TestCluster.create({
    ...{ hosts: 2, store: "etcd", stopped: true },
    flagsOf: (n) => n === 1 ? ["--take-over"] : [],
  });
  const [one, copy] = cluster.hosts as [TestHost, TestHost];
  await cluster.explain(async () => {
    await one.start();
    await one.ok("network", "create", "-d", "overlay", "prod");
    await one.ok("container", "create", "--net", "prod", "box-a");
    await ok(["cp", "-a", one.stateDir, copy.stateDir]);
    await assert.rejects(copy.start(), /Another living daemon has this host's id \([0-9a-f]{12}\)/);
    assert.match(
      await one.ok("service", "ls"),
      /box-a +prod .*box-a +host-1/,
      "it keeps what it has",
    );
    // The same machine's next daemon is no other.
    await one.stop("SIGKILL");
    await one.start();
  });
});
