import assert from "node:assert/strict";
import { FormedCluster } from "../harness/formed.ts";
import type { TestHost } from "../harness/host.ts";

Deno.test("hosts join at once with one token, each once, and one more is refused", async () => {
  const count = 6;
  await using cluster = await FormedCluster.create({ hosts: count + 2, apart: true });
  await cluster.explain(async () => {
    const [first, ...others] = cluster.hosts;
    await first!.ok("cluster", "init");
    const token = await cluster.token("--uses", `${count}`);
    const done = await Promise.all(others.map((host) => host.run(["cluster", "join", token])));
    assert.equal(done.filter(({ code }) => code === 0).length, count, JSON.stringify(done));
    const refused = done.filter(({ code }) => code !== 0);
    assert.match(refused[0]!.stderr, /join token is not good/);
    const listed: { name: string }[] = JSON.parse(
      await first!.ok("cluster", "status", "--format", "json"),
    );
    assert.equal(new Set(listed.map(({ name }) => name)).size, count + 1);
  });
});

Deno.test("an IPv6 address, or a link, is what init and join advertise", async () => {
  await using cluster = await FormedCluster.create({ hosts: 3, apart: true, family: 6 });
  await cluster.explain(async () => {
    const [one, two, three] = cluster.hosts as [TestHost, TestHost, TestHost];
    await one.fails(1, /fd99::77/, "cluster", "init", "--advertise", "fd99::77");
    await one.ok("cluster", "init", "--advertise", cluster.address(0));
    const token = await cluster.token("--uses", "2");
    await two.ok("cluster", "join", "--advertise", cluster.address(1), token);
    await three.ok("cluster", "join", "--advertise", "u0", token);
    const status = await three.ok("cluster", "status");
    for (const n of [0, 1, 2]) assert.ok(status.includes(` ${cluster.address(n)} `), status);
  });
});
