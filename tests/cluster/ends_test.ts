import assert from "node:assert/strict";
import { Client } from "../../cli/client/client.ts";
import type { NetsvcError } from "../../lib/api/errors.ts";
import { keys } from "../../server/model/keys.ts";
import type { ServiceRecord } from "../../server/model/records.ts";
import { servicePuts } from "../harness/service_puts.ts";
import { until } from "../harness/command.ts";
import { TestCluster } from "../harness/cluster.ts";
import { links } from "../harness/inside.ts";
import type { TestHost } from "../harness/host.ts";

const CREATED = "2026-01-01T00:00:00.000Z";

/** Ends of services and networks that come at the same moment as an attachment, from another host. */
const ENDS: Record<string, (client: Client, network: string) => Promise<unknown>> = {
  "network rm -f": (client, network) => client.networks.remove(network, true),
  "service unpublish -f": (client, network) =>
    Promise.all([0, 1, 2].map((i) => client.services.unpublish(`s${i}.${network}`, true))),
  "service detach -f": (client, network) =>
    Promise.all([0, 1, 2].map((i) => client.services.detach(`s${i}.${network}`, { force: true }))),
};

const ROUNDS = 6;

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
      await clients[0]!.networks.create({ name, driver: "overlay" });
      for (const i of [0, 1, 2]) {
        await clients[0]!.services.publish({ name: `s${i}`, network: name });
      }
      const attaching = clients.map((client, i) =>
        client.services.attach(`s${i}.${name}`, { container: `c${i}` })
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
      await clients[0]!.networks.remove(name, true).catch(() => {});
      await empty(`${how} in round ${round}`);
      // And they can be attached at once, by the same name.
      await clients[0]!.networks.create({ name: "next", driver: "overlay" });
      await Promise.all(clients.map(async (client, i) => {
        await client.services.publish({ name: `n${i}`, network: "next" });
        const { backend } = await client.services.attach(`n${i}.next`, { container: `c${i}` });
        assert.equal(backend!.interface, "eth0", how);
      }));
      const { cut } = await clients[1]!.networks.remove("next", true);
      for (const i of [0, 1, 2]) assert.ok(cut.some((line) => line.startsWith(`c${i} `)), `${cut}`);
      await empty("the next");
    }
    // What somebody else has put into the container keeps its name.
    await clients[0]!.networks.create({ name: "last", driver: "overlay" });
    await clients[0]!.services.publish({ name: "s0", network: "last" });
    const others = "ip link add eth0 type veth peer name p0".split(" ");
    assert.equal((await one.inside("c0", others)).code, 0);
    const { backend } = await clients[0]!.services.attach("s0.last", { container: "c0" });
    assert.equal(backend!.interface, "eth1");
    await clients[0]!.networks.remove("last", true);
    assert.match((await one.inside("c0", ["ip", "-br", "link"])).stdout, /^eth0@/m);
    const failed = cluster.hosts.map((host) =>
      host.log().split("\n").filter((line) => /Cannot|RTNETLINK|File exists/.test(line))
    );
    assert.deepEqual(failed.flat(), []);
    assert.doesNotMatch(await one.ok("doctor").catch(String), /Nothing is left to do/);
  });
});

const MANY = { big: 1900, again: 600 };

/** The records of a service with a backend on another host, as that host would write them. */
function records(network: string, host: { id: string; name: string }, i: number) {
  const id = network.slice(0, 32) + i.toString(16).padStart(32, "0");
  const ip = `172.30.${i >> 8}.${i & 255}`;
  const mac = `02:00:00:00:${
    [i >> 8, i & 255].map((n) => n.toString(16).padStart(2, "0")).join(":")
  }`;
  const backend = {
    ...{ container: "c".repeat(64), containerName: `c${i}`, runtime: "netsvc", host: host.name },
    ...{ hostId: host.id, address: "10.99.0.2", interface: "eth0", attached: CREATED, aliases: [] },
  };
  const service: ServiceRecord = {
    ...{ id, name: `s${i}`, network, created: CREATED, addresses: [`${ip}/16`], mac },
    ...{ mode: "single", aliases: [], ports: [], ...i % 2 === 0 && { backend } },
  };
  return [
    ...servicePuts(service),
    ...[keys.serviceName(network, service.name), keys.address(network, ip), keys.mac(network, mac)]
      .map((key) => ({ key, value: JSON.stringify(id) })),
    ...i % 2 === 0
      ? [{ key: keys.backend(host.id, network, id), value: JSON.stringify(service.name) }]
      : [],
  ];
}

Deno.test("a network of 1,900 services is removed whole, also by who asks twice or goes away", async () => {
  await using cluster = await TestCluster.create({ hosts: 2, store: "etcd" });
  const [one, two] = cluster.hosts as [TestHost, TestHost];
  await cluster.explain(async () => {
    using stack = new DisposableStack();
    const clients = cluster.hosts.map(({ socket }) =>
      stack.use(new Client({ host: `unix://${socket}` }))
    );
    const subnet = "172.30.0.0/16";
    for (const [name, count] of Object.entries(MANY)) {
      const { id } = await clients[0]!.networks.create({
        name,
        driver: "overlay",
        subnets: [subnet],
      });
      await one.ok("container", "create", "--net", name, `own-${name}`);
      await two.ok("container", "create", "--net", name, `far-${name}`);
      const host = (await clients[1]!.hosts.list()).find(({ self }) => self)!;
      await cluster.storeWrite(
        Array.from({ length: count }, (_, i) => records(id, host, i + 256)).flat(),
      );
    }
    await until(
      "all are known",
      async () => (await clients[0]!.services.list("big")).length > MANY.big,
    );
    const begun = performance.now();
    const { stderr, stdout, code } = await one.run(["network", "rm", "-f", "big"]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "big\n");
    assert.ok(performance.now() - begun < 30_000, `${performance.now() - begun} ms`);
    const cut = stderr.split("\n").filter((line) => line.startsWith("netsvc: Cut "));
    assert.equal(cut.filter((line) => /Cut service s\d+\.big$/.test(line)).length, MANY.big);
    assert.ok(cut.some((line) => /Cut c256 on host "host-2" from service s256\.big$/.test(line)));
    assert.ok(cut.some((line) => /Cut own-big from service own-big\.big$/.test(line)));
    // One goes away in the midst of it; two others ask at the same time, of different hosts.
    await until(
      "all are known",
      async () => (await clients[1]!.services.list("again")).length > MANY.again,
    );
    const gone = new AbortController();
    const going = clients[0]!.fetch("DELETE", "/networks/again?force=true", undefined, gone.signal);
    await until(
      "it is under way",
      async () => (await clients[0]!.services.list("again")).length < MANY.again,
    );
    gone.abort();
    await going.catch(() => {});
    await Promise.all(
      clients.map((client) =>
        client.networks.remove("again", true).catch((error) =>
          assert.equal(error.code, "not_found")
        )
      ),
    );
    const left = (await cluster.storeEntries()).map(({ key }) => key)
      .filter((key) => !/^(hosts|host-names|host-leases|tunnels|doctor|meta)\//.test(key));
    assert.deepEqual(left, []);
    for (const [i, host] of cluster.hosts.entries()) {
      for (const name of ["big", "again"]) {
        const container = `${i === 0 ? "own" : "far"}-${name}`;
        await until("it is unplugged", async () => await links(host, container) === 0);
      }
    }
  });
});
