import assert from "node:assert/strict";
import { Client } from "../../cli/client.ts";
import type { NetsvcError } from "../../server/wire/errors.ts";
import { until } from "../harness/command.ts";
import { TestCluster } from "../harness/cluster.ts";
import { links } from "../harness/inside.ts";
import type { TestHost } from "../harness/host.ts";

/** Ends of services and networks that come at the same moment as an attachment, from another host. */
const ENDS: Record<string, (client: Client, network: string) => Promise<unknown>> = {
  "network rm -f": (client, network) => client.removeNetwork(network, true),
  "service unpublish -f": (client, network) =>
    Promise.all([0, 1, 2].map((i) => client.unpublishService(`s${i}.${network}`, true))),
  "service detach -f": (client, network) =>
    Promise.all([0, 1, 2].map((i) => client.detachService(`s${i}.${network}`, { force: true }))),
};

const ROUNDS = 12;

/** What may be said to who attaches to something that is ended at the same moment. */
const SAID =
  /^(No such (service|network)|The service "s\d\.r\d+" was |Somebody else kept changing)/;

Deno.test("what is ended while it is being attached leaves nothing in the container", async () => {
  await using cluster = await TestCluster.create({ hosts: 3, store: "etcd" });
  const [one] = cluster.hosts as [TestHost];
  await cluster.explain(async () => {
    using stack = new DisposableStack();
    const clients = cluster.hosts.map(({ socket }) =>
      stack.use(new Client({ host: `unix://${socket}` }))
    );
    for (const [i, host] of cluster.hosts.entries()) await host.ok("container", "create", `c${i}`);
    const empty = async (round: string) => {
      for (const [i, host] of cluster.hosts.entries()) {
        await until(
          `c${i} has no interface after ${round}`,
          async () => await links(host, `c${i}`) === 0,
          5_000,
        );
      }
    };
    for (let round = 0; round < ROUNDS; round++) {
      const name = `r${round}`;
      const [how, end] = Object.entries(ENDS)[round % 3]!;
      await clients[0]!.createNetwork({ name, driver: "overlay" });
      for (const i of [0, 1, 2]) {
        await clients[0]!.publishService({ name: `s${i}`, network: name });
      }
      const attaching = clients.map((client, i) =>
        client.attachService(`s${i}.${name}`, { container: `c${i}` })
      );
      // Before, in the midst of it, after it.
      await new Promise((resolve) => setTimeout(resolve, (round * 13) % 80));
      const ending = end(clients[round % 3]!, name);
      for (const outcome of await Promise.allSettled([ending, ...attaching])) {
        if (outcome.status === "fulfilled") continue;
        const { message, code } = outcome.reason as NetsvcError;
        assert.match(message, SAID, `${how}: ${message}`);
        assert.ok(["not_found", "conflict", "in_use"].includes(code), code);
      }
      await clients[0]!.removeNetwork(name, true).catch(() => {});
      await empty(`${how} in round ${round}`);
      // And they can be attached at once, by the same name.
      await clients[0]!.createNetwork({ name: "next", driver: "overlay" });
      await Promise.all(clients.map(async (client, i) => {
        await client.publishService({ name: `n${i}`, network: "next" });
        const { backend } = await client.attachService(`n${i}.next`, { container: `c${i}` });
        assert.equal(backend!.interface, "eth0", how);
      }));
      const { cut } = await clients[1]!.removeNetwork("next", true);
      for (const i of [0, 1, 2]) assert.ok(cut.some((line) => line.startsWith(`c${i} `)), `${cut}`);
      await empty("the next");
    }
    const failed = cluster.hosts.map((host) =>
      host.log().split("\n").filter((line) => /Cannot|RTNETLINK|File exists/.test(line))
    );
    assert.deepEqual(failed.flat(), []);
    assert.doesNotMatch(await one.ok("doctor").catch(String), /Nothing is left to do/);
  });
});
