import assert from "node:assert/strict";
import { CuttableStore } from "../../../tests/harness/cuttable_store.ts";
import { servicePuts } from "../../../tests/harness/service_puts.ts";
import type { Ipams } from "../../drivers/ipam/ipams.ts";
import { Services } from "../../controllers/services/services.ts";
import type { Context } from "../../controllers/context.ts";
import { Mirror } from "../mirror.ts";
import { keys } from "../keys.ts";
import type { NetworkRecord, ServiceRecord } from "../records.ts";
import { State } from "../state.ts";
import { Directory } from "./directory.ts";
import { Interests } from "./subscriptions.ts";
import { StoreLink } from "./store_link.ts";

const CREATED = "2026-01-01T00:00:00.000Z";
const HOST = "host";

function network(id: string) {
  const record: NetworkRecord = {
    ...{ id, name: id, scope: "global", driver: "overlay", created: CREATED },
    ...{ predefined: false, internal: false, ipv6: false, pools: [], options: {}, labels: {} },
  };
  return { key: keys.network(id), value: JSON.stringify(record) };
}

function service(network: string, id: string, name: string, attached: boolean) {
  const backend = { container: "c", runtime: "netsvc", host: HOST, hostId: HOST };
  const record: ServiceRecord = {
    ...{
      id,
      name,
      network,
      created: CREATED,
      mode: "single",
      addresses: [],
      mac: "",
      aliases: [],
      ports: [],
    },
    ...attached &&
      { backend: { ...backend, interface: "eth0", attached: CREATED, aliases: [] } },
  };
  return servicePuts(record);
}

/** A daemon's view of a store with three networks of two services each. */
async function subject() {
  await using stack = new AsyncDisposableStack();
  const cuttable = stack.use(await CuttableStore.open());
  const own = stack.use(await CuttableStore.open());
  await cuttable.store.commit({
    puts: ["n1", "n2", "n3"].flatMap((id, i) => [
      network(id),
      ...service(id, `${i}a`.repeat(32), "db", true),
      ...service(id, `${i}b`.repeat(32), "web", false),
    ]),
  });
  await cuttable.store.commit({
    puts: [{ key: keys.member("n2", HOST), value: JSON.stringify({ host: HOST, name: HOST }) }],
  });
  const link = new StoreLink(cuttable.store, "etcd:h:1");
  stack.defer(() => link[Symbol.asyncDispose]());
  const mirror = new Mirror(link, { deadline: 1000 });
  stack.defer(() => mirror.close());
  const local = await Mirror.open(own.store);
  stack.defer(() => local.close());
  await mirror.follow(keys.networks);
  const state = new State(local, mirror, { hostId: "self" });
  stack.defer(() => state.close());
  const interests = new Interests(mirror, link);
  const directory = new Directory(state, interests, link);
  // What looking for a service needs of the daemon.
  const context = { state, defaultNetwork: "n1", cluster: { interests, directory } };
  const services = new Services(context as unknown as Context, {} as Ipams);
  const rest = stack.move();
  return {
    ...{ cuttable, interests, directory, services },
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

Deno.test("services() has all of the cluster, with the backends of living hosts", async () => {
  await using all = await subject();
  await all.interests.ensure("n1");
  const listed = await all.directory.services();
  assert.deepEqual(
    listed.map(({ service, endpoints: [first] }) => [
      service.network,
      service.name,
      first?.backend.host,
    ]).sort(),
    [
      ...["n1", "n3"].flatMap((id) => [[id, "db", undefined], [id, "web", undefined]]),
      ...[["n2", "db", HOST], ["n2", "web", undefined]],
    ].sort(),
  );
});

Deno.test("services() again has what has changed since, of services, endpoints and hosts", async () => {
  await using all = await subject();
  const { store } = all.cuttable;
  const seen = async () => {
    const both = await Promise.all([all.directory.services(), all.directory.services()]);
    const [once, twice] = both.map((listed) =>
      listed.map(({ service, endpoints: [first] }) => [
        service.network,
        service.name,
        first?.backend.host,
      ]).sort()
    );
    assert.deepEqual(once, twice);
    return once!;
  };
  const first = await seen();
  assert.deepEqual(await seen(), first);
  const member = (name: string) => ({
    key: keys.member("n2", HOST),
    value: JSON.stringify({ host: HOST, name }),
  });
  await store.commit({ puts: [member("renamed")] });
  assert.deepEqual(
    (await seen()).filter(([network]) => network === "n2"),
    [["n2", "db", "renamed"], ["n2", "web", undefined]],
  );
  await store.commit({ deletes: [keys.member("n2", HOST)] });
  assert.ok((await seen()).every(([, , host]) => host === undefined));
  await store.commit({ puts: [member(HOST), ...service("n3", "f".repeat(64), "new", false)] });
  const added = await seen();
  assert.deepEqual(added, [...first, ["n3", "new", undefined]].sort());
  await store.commit({ deletes: [keys.endpoint("n3", "f".repeat(64))] });
  assert.deepEqual(await seen(), first);
});

Deno.test("services() reads nothing when all networks are followed", async () => {
  await using all = await subject();
  for (const id of ["n1", "n2", "n3"]) await all.interests.ensure(id);
  assert.equal((await all.directory.services()).length, 6);
  assert.equal(all.cuttable.calls.list, 0);
});

Deno.test("services() misses nothing of a network that is only beginning to be followed", async () => {
  await using all = await subject();
  all.cuttable.cut();
  const following = all.interests.ensure("n1").catch(() => {});
  assert.equal((await all.directory.services()).length, 6);
  all.cuttable.restore();
  await following;
});

Deno.test("services() shows what was read last while the store is away", async () => {
  await using all = await subject();
  await all.directory.services();
  all.cuttable.refuse();
  assert.equal((await all.directory.services()).length, 6);
});

Deno.test("find() reads the whole cluster's services only for an id that isn't known", async () => {
  await using all = await subject();
  const { services, cuttable } = all;
  const id = "0a".repeat(32);
  for (const reference of ["db", "web", "db.n2", id]) {
    assert.ok((await services.find(reference)).record, reference);
  }
  assert.equal(cuttable.calls.list, 0);
  assert.equal((await services.find("2b2b2b")).record.network, "n3");
  assert.equal(cuttable.calls.list, 3);
  await assert.rejects(services.find("ffff"), { code: "not_found" });
});
