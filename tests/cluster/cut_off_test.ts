import assert from "node:assert/strict";
import { Client } from "../../cli/client/client.ts";
import { until } from "../harness/command.ts";
import { TestCluster } from "../harness/cluster.ts";
import type { TestHost } from "../harness/host.ts";

Deno.test("a host that is cut off calls nothing missing that may be there", async () => {
  await using cluster = await TestCluster.create({ hosts: 2, store: "etcd" });
  const [one, two] = cluster.hosts as [TestHost, TestHost];
  await cluster.explain(async () => {
    using client = new Client({ host: `unix://${one.socket}` });
    await two.ok("network", "create", "-d", "overlay", "prod");
    await two.ok("service", "publish", "old.prod");
    await one.ok("service", "info", "old.prod");
    await one.ok("container", "create", "c1");
    await two.ok("container", "create", "c2");
    await two.ok("service", "attach", "c2", "old.prod");
    await until("c2 is known to back it", async () => /c2/.test(await one.ok("service", "ls")));
    await cluster.setLink("host-1", "down");
    await two.ok("service", "publish", "new.prod");
    await two.ok("service", "detach", "c2", "old.prod");
    await two.ok("network", "create", "-d", "overlay", "late");
    const unavailable = { code: "unavailable" as const };
    // The first is asked before this host has noticed anything.
    await assert.rejects(client.services.attach("new.prod", { container: "c1" }), {
      ...unavailable,
      message: /^By what this host knew last: No such service: "new" on network "prod"; .* store /,
    });
    for (
      const ask of [
        () => client.services.get("new.prod"),
        () => client.networks.get("late"),
        () => client.services.publish({ name: "x", network: "late" }),
        () => client.services.unpublish("old.prod", false),
        () => client.services.detach("new.prod", { force: true }),
        () => client.containers.create({ name: "c", network: "late" }),
        () => client.networks.remove("late", false),
        () => client.hosts.get("nobody"),
      ]
    ) await assert.rejects(ask(), unavailable, ask.toString());
    // What is its own it knows for certain.
    await assert.rejects(client.services.get("nothing.bridge"), { code: "not_found" });
    await assert.rejects(client.containers.get("nobody"), { code: "not_found" });
    await assert.rejects(client.containers.create({ name: "c1" }), { code: "exists" });
    await cluster.setLink("host-1", "up");
    await until(
      "the store is back",
      () => one.ok("service", "attach", "c1", "new.prod").then(() => true, () => false),
      30_000,
    );
    await one.ok("service", "unpublish", "old.prod");
  });
});
