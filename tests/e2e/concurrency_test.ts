import assert from "node:assert/strict";
import { Client } from "../../cli/client/client.ts";
import { TestHost } from "../harness/host.ts";

const MANY = 100;

Deno.test("100 creates, publishes and attaches at once: nothing twice, nothing lost", async () => {
  await using host = await TestHost.create();
  using client = new Client({ host: `unix://${host.socket}` });
  const each = <T>(action: (i: number) => Promise<T>) =>
    Promise.all(Array.from({ length: MANY }, (_, i) => action(i)));

  const networks = await each((i) => client.networks.create({ name: `n${i}` }));
  assert.equal(new Set(networks.flatMap(({ pools }) => pools.map((p) => p.subnet))).size, MANY);

  await client.networks.create({ name: "one" });
  const services = await each((i) => client.services.publish({ name: `s${i}`, network: "one" }));
  assert.equal(new Set(services.flatMap(({ addresses }) => addresses)).size, MANY);
  assert.equal(new Set(services.map(({ mac }) => mac)).size, MANY);

  const containers = await each((i) => client.containers.create({ name: `c${i}` }));
  await each((i) => client.services.attach(`s${i}.one`, { container: `c${i}` }));
  const links = await host.links();
  assert.equal(links.filter((name) => name.startsWith("nsv")).length, MANY);

  // All want one name, one address, one backend: one gets it, the others hear why.
  const outcomes = async (action: (i: number) => Promise<unknown>) => {
    const results = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => action(i)));
    const failures = results.flatMap((r) => r.status === "rejected" ? [r.reason.code] : []);
    return [results.length - failures.length, [...new Set(failures)]];
  };
  assert.deepEqual(await outcomes(() => client.networks.create({ name: "same" })), [1, ["exists"]]);
  assert.deepEqual(
    await outcomes((i) =>
      client.services.publish({
        name: `x${i}`,
        network: "one",
        ips: [services[0]!.addresses[0]!.replace(/\d+\/.*/, "250")],
      })
    ),
    [1, ["exists"]],
  );
  await client.services.publish({ name: "shared", network: "one" });
  assert.deepEqual(
    await outcomes((i) => client.services.attach("shared.one", { container: `c${i}` })),
    [1, ["in_use"]],
  );
  // A network and its services go or stay together, whoever comes first.
  await client.networks.create({ name: "race" });
  const [removed, published] = await Promise.allSettled([
    client.networks.remove("race", false),
    client.services.publish({ name: "late", network: "race" }),
  ]);
  assert.notEqual(removed!.status, published!.status);

  await each((i) => client.services.detach(`s${i}.one`, { container: `c${i}` }));
  await each((i) => client.services.unpublish(`s${i}.one`, false));
  await each((i) => client.containers.remove(containers[i]!.id, true));
  await each((i) => client.networks.remove(`n${i}`, false));
  assert.deepEqual((await host.links()).filter((name) => name.startsWith("nsv")), []);
});

Deno.test("a network goes, however many services it has or had", async () => {
  await using host = await TestHost.create();
  using client = new Client({ host: `unix://${host.socket}` });
  const names = Array.from({ length: 150 }, (_, i) => `s${i}`);
  const publish = () =>
    Promise.all(names.map((name) => client.services.publish({ name, network: "foo" })));
  await client.networks.create({ name: "foo" });
  await publish();
  await Promise.all(names.map((name) => client.services.unpublish(`${name}.foo`, false)));
  await client.networks.remove("foo", false);
  await client.networks.create({ name: "foo" });
  await publish();
  const { cut } = await client.networks.remove("foo", true);
  assert.deepEqual(cut.toSorted(), names.map((name) => `service ${name}.foo`).toSorted());
  assert.deepEqual(await client.services.list(), []);
});
