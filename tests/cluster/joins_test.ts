import assert from "node:assert/strict";
import { FormedCluster } from "../harness/formed.ts";

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
