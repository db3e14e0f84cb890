import assert from "node:assert/strict";
import { Client } from "../../cli/client/client.ts";
import { TestHost } from "../harness/host.ts";

const MANY = 100;

Deno.test("100 creates, publishes and attaches at once: nothing twice, nothing lost", async () => {
  await using host = await TestHost.create();
  using client = new Client({ host: `unix://${host.socket}` });
  const each = <T>(action: (i: number) => Promise<T>) =>
    Promise.all(Array.from({ length: MANY }, (_, i) => action(i)));

  const networks = await each((i) => client.createNetwork({ name: `n${i}` }));
  assert.equal(new Set(networks.flatMap(({ pools }) => pools.map((p) => p.subnet))).size, MANY);

  await client.createNetwork({ name: "one" });
  const services = await each((i) => client.publishService({ name: `s${i}`, network: "one" }));
  assert.equal(new Set(services.flatMap(({ addresses }) => addresses)).size, MANY);
  assert.equal(new Set(services.map(({ mac }) => mac)).size, MANY);

  const containers = await each((i) => client.createContainer({ name: `c${i}` }));
  await each((i) => client.attachService(`s${i}.one`, { container: `c${i}` }));
  const links = await host.links();
  assert.equal(links.filter((name) => name.startsWith("nsv")).length, MANY);

  // All want one name, one address, one backend: one gets it, the others hear why.
  const outcomes = async (action: (i: number) => Promise<unknown>) => {
    const results = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => action(i)));
    const failures = results.flatMap((r) => r.status === "rejected" ? [r.reason.code] : []);
    return [results.length - failures.length, [...new Set(failures)]];
  };
  assert.deepEqual(await outcomes(() => client.createNetwork({ name: "same" })), [1, ["exists"]]);
  assert.deepEqual(
    await outcomes((i) =>
      client.publishService({
        name: `x${i}`,
        network: "one",
        ips: [services[0]!.addresses[0]!.replace(/\d+\/.*/, "250")],
      })
    ),
    [1, ["exists"]],
  );
  await client.publishService({ name: "shared", network: "one" });
  assert.deepEqual(
    await outcomes((i) => client.attachService("shared.one", { container: `c${i}` })),
    [1, ["in_use"]],
  );
  // A network and its services go or stay together, whoever comes first.
  await client.createNetwork({ name: "race" });
  const [removed, published] = await Promise.allSettled([
    client.removeNetwork("race", false),
    client.publishService({ name: "late", network: "race" }),
  ]);
  assert.notEqual(removed!.status, published!.status);

  await each((i) => client.detachService(`s${i}.one`, { container: `c${i}` }));
  await each((i) => client.unpublishService(`s${i}.one`, false));
  await each((i) => client.removeContainer(containers[i]!.id, true));
  await each((i) => client.removeNetwork(`n${i}`, false));
  assert.deepEqual((await host.links()).filter((name) => name.startsWith("nsv")), []);
});

Deno.test("a network goes, however many services it has or had", async () => {
  await using host = await TestHost.create();
  using client = new Client({ host: `unix://${host.socket}` });
  const names = Array.from({ length: 150 }, (_, i) => `s${i}`);
  const publish = () =>
    Promise.all(names.map((name) => client.publishService({ name, network: "foo" })));
  await client.createNetwork({ name: "foo" });
  await publish();
  await Promise.all(names.map((name) => client.unpublishService(`${name}.foo`, false)));
  await client.removeNetwork("foo", false);
  await client.createNetwork({ name: "foo" });
  await publish();
  const { cut } = await client.removeNetwork("foo", true);
  assert.deepEqual(cut.toSorted(), names.map((name) => `service ${name}.foo`).toSorted());
  assert.deepEqual(await client.services(), []);
});
