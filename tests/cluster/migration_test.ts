import assert from "node:assert/strict";
import fixture from "../fixtures/form_1.json" with { type: "json" };
import type { Service } from "../../lib/api/types.ts";
import { keys } from "../../server/model/keys.ts";
import { TestCluster } from "../harness/cluster.ts";
import { until } from "../harness/command.ts";
import { writeLocal } from "../harness/form_1.ts";
import type { TestHost } from "../harness/host.ts";
import { pings } from "../harness/inside.ts";

/** Keys that live as long as their hosts' daemons. */
const LEASED = /^(host-leases|members)\//;
/** Ids of the two hosts that wrote the store. */
const ids = fixture.shared.locals.map((entries) =>
  entries.find(({ key }) => key === "host/id")!.value
);

/** Two hosts and a store as older daemons left them. */
async function subject(): Promise<TestCluster> {
  const cluster = await TestCluster.create({
    ...{ hosts: 2, store: "etcd", stopped: true, flags: ["--lease-ttl=2"] },
  });
  await cluster.storeWrite(fixture.shared.entries.filter(({ key }) => !LEASED.test(key)));
  for (const [i, host] of cluster.hosts.entries()) {
    await writeLocal(host.stateDir, fixture.shared.locals[i]!);
  }
  return cluster;
}

const services = async (host: TestHost): Promise<Service[]> =>
  JSON.parse(await host.ok("service", "ls", "--format", "json"));
const kept = ({ id, name, addresses, mac, aliases, ports }: Service) => ({
  ...{ id, name, addresses, mac, aliases, ports },
});

Deno.test("a shared store of older daemons is migrated by the first host that starts", async () => {
  await using cluster = await subject();
  const [one, two] = cluster.hosts as [TestHost, TestHost];
  await cluster.explain(async () => {
    await one.start();
    const before = (fixture.shared.shown.services as unknown as Service[]).map(kept);
    const now = await services(one);
    // What was a container's alone goes with it: nothing runs here any more.
    for (const service of now.map(kept)) {
      assert.deepEqual(service, before.find(({ id }) => id === service.id));
    }
    for (const name of ["db", "idle"]) assert.ok(now.some((service) => service.name === name));
    await two.start();
    for (const host of [one, two]) {
      const names = (await services(host)).filter(({ auto }) => !auto).map(({ name }) => name);
      assert.deepEqual(names.sort(), ["db", "idle"]);
    }
    await one.ok("container", "create", "--net", "prod", "new");
    await two.ok("container", "create", "new2");
    await two.ok("service", "attach", "new2", "db.prod");
    await until("it is reached by its alias", () => pings(one, "new", "database"), 20_000);
    const entries = await cluster.storeEntries();
    assert.ok(entries.some(({ key }) => key === keys.form));
    assert.doesNotMatch(one.log() + two.log(), /is left out|is left alone/);
  });
});

Deno.test("while an older daemon lives its host is named, and nothing is migrated", async () => {
  await using cluster = await subject();
  const [one] = cluster.hosts as [TestHost];
  await cluster.explain(async () => {
    // As if its lease were held: nobody ends it here.
    await cluster.storeWrite([{ key: keys.hostLease(ids[1]!), value: '"host-2"' }]);
    const before = (await cluster.storeEntries()).map(({ key, value }) => `${key} ${value}`);
    await assert.rejects(one.start(), /The daemon ended/);
    const last = one.log().trim().split("\n").at(-1)!;
    assert.equal(
      last,
      'netsvc: The store holds records of an earlier netsvc, which still runs on host "host-2"; stop ' +
        "all its daemons, then start this one: containers go on meanwhile",
    );
    assert.deepEqual(
      (await cluster.storeEntries()).map(({ key, value }) => `${key} ${value}`),
      before,
    );
    assert.equal((await one.stop("SIGTERM").catch(() => ({ code: 1 }))).code, 1);
  });
});

Deno.test("a newer netsvc's service is left alone by a host that is upgraded later", async () => {
  await using cluster = await TestCluster.create({ hosts: 1, store: "etcd" });
  const [one] = cluster.hosts as [TestHost];
  await cluster.explain(async () => {
    await one.ok("network", "create", "-d", "overlay", "prod");
    await one.ok("service", "publish", "web.prod");
    const [{ id, network }] = await services(one) as [Service];
    const key = keys.service(network.id, id);
    const newer = '{"v":99,"mode":"mesh","of":"a later netsvc"}';
    await cluster.storeWrite([{ key, value: newer }]);
    await until("it isn't shown", async () => (await services(one)).length === 0);
    assert.match((await one.run(["service", "unpublish", "web.prod"])).stderr, /No such service/);
    const again = await one.run(["service", "publish", "web.prod"]);
    assert.notEqual(again.code, 0);
    const removal = await one.run(["network", "rm", "-f", "prod"]);
    assert.notEqual(removal.code, 0);
    assert.match(removal.stderr, /newer netsvc/);
    const entries = new Map(
      (await cluster.storeEntries()).map((entry) => [entry.key, entry.value]),
    );
    assert.equal(entries.get(key), newer);
    for (const kept of [keys.endpoint(network.id, id), keys.network(network.id)]) {
      assert.ok(entries.has(kept), kept);
    }
    assert.match((await one.run(["doctor"])).stdout, /a newer netsvc wrote it, as version 99/);
  });
});
