import assert from "node:assert/strict";
import { Client } from "../../cli/client/client.ts";
import type { NetsvcError } from "../../lib/api/errors.ts";
import { clusterLeaks } from "../chaos/cluster_chaos.ts";
import { until } from "../harness/command.ts";
import { byStore, TestCluster } from "../harness/cluster.ts";

/** Exactly one of these succeeds, and the others say `exists`. */
async function oneWins(attempts: Promise<unknown>[]): Promise<void> {
  const outcomes = await Promise.allSettled(attempts);
  const refused = outcomes.flatMap((outcome) =>
    outcome.status === "rejected" ? [outcome.reason as NetsvcError] : []
  );
  assert.equal(refused.length, attempts.length - 1, refused.map(String).join("\n"));
  for (const error of refused) assert.equal(error.code, "exists", error.message);
}

byStore("what two hosts make at the same moment is made once", async (store) => {
  await using cluster = await TestCluster.create({ hosts: 3, store });
  await cluster.explain(async () => {
    using stack = new DisposableStack();
    const clients = cluster.hosts.map(({ socket }) =>
      stack.use(new Client({ host: `unix://${socket}` }))
    );
    const [one] = clients as [Client];
    for (let i = 0; i < 5; i++) {
      const name = `n${i}`;
      const subnets = [`10.77.${i}.0/24`];
      await oneWins(
        clients.map((client) => client.networks.create({ name, driver: "overlay", subnets })),
      );
      await oneWins(clients.map((client) => client.services.publish({ name: "s", network: name })));
      await oneWins(clients.map((client, n) =>
        client.networks.create({
          name: `v${i}-${n}`,
          driver: "overlay",
          options: { vni: String(100 + i) },
        })
      ));
      await oneWins(
        clients.map((client, n) =>
          client.services.publish({ name: `ip${n}`, network: name, ips: [`10.77.${i}.9`] })
        ),
      );
    }
    // A network of one host's own is none of the others' business.
    await Promise.all(clients.map((client) => client.networks.create({ name: "mine" })));
    for (const client of clients) {
      const mine = (await client.networks.list()).filter(({ name }) => name === "mine");
      assert.deepEqual(mine.map(({ scope }) => scope), ["local"]);
      assert.equal(
        (await client.networks.list()).filter(({ name }) => name === "bridge").length,
        1,
      );
    }
    await assert.rejects(
      one.networks.create({ name: "mine", driver: "overlay" }),
      { code: "exists" },
    );

    const many = await Promise.all(clients.flatMap((client, n) =>
      Array.from(
        { length: 30 },
        (_, i) => client.services.publish({ name: `many-${n}-${i}`, network: "n0" }),
      )
    ));
    const addresses = many.flatMap((service) => service.addresses);
    assert.equal(new Set(addresses).size, 90);
    assert.equal(new Set(many.map(({ mac }) => mac)).size, 90);
    // The last write may still be on its way to the other hosts.
    let wrong: string[] = [];
    await until(
      "the hosts agree",
      async () => (wrong = await clusterLeaks(cluster)).length === 0,
      5_000,
    ).catch(() => assert.deepEqual(wrong, []));
  });
});
