import assert from "node:assert/strict";
import { CuttableStore } from "../../../tests/harness/cuttable_store.ts";
import type { NetworkRecord, ServiceRecord } from "../records.ts";
import { networkRecords } from "./networks.ts";
import { removeRemains } from "./remains.ts";
import { retiredRecords } from "./retired.ts";
import { serviceRecords } from "./services.ts";

const CREATED = "2026-01-01T00:00:00.000Z";
const NETWORK: NetworkRecord = {
  ...{ id: "n", name: "Prod", driver: "overlay", scope: "global", created: CREATED, vni: 7 },
  ...{ predefined: false, internal: false, ipv6: false, pools: [], options: {}, labels: {} },
};
const backend = (hostId: string) => ({
  ...{ container: "c", runtime: "netsvc", host: hostId, hostId, interface: "eth0" },
  ...{ attached: CREATED, aliases: [] },
});
const SERVICE: ServiceRecord = {
  ...{ id: "s", name: "Db", network: "n", created: CREATED, mode: "single", mac: "02:00" },
  ...{ addresses: ["10.0.0.2/24"], aliases: [], ports: [] },
};

/** A store with a network. */
async function subject() {
  const cuttable = await CuttableStore.open();
  const { store } = cuttable;
  assert.ok((await store.commit(networkRecords.create(NETWORK))).ok);
  const keys = async () => (await store.list("")).map(({ key }) => key);
  const network = async () => (await networkRecords.get(store, "n"))!;
  const service = async () => (await serviceRecords.get(store, "n", "s"))!;
  return {
    ...{ store, keys, network, service },
    [Symbol.asyncDispose]: () => cuttable[Symbol.asyncDispose](),
  };
}

Deno.test("what is a service's alone is written, moved and deleted with it", async () => {
  await using all = await subject();
  const { store, keys, network, service } = all;
  const empty = await keys();
  assert.ok((await store.commit(serviceRecords.create(SERVICE, await network()))).ok);
  assert.deepEqual(
    (await keys()).filter((key) => !empty.includes(key)),
    ["addresses/n/10.0.0.2", "endpoints/n/s", "macs/n/02:00", "service-names/n/db", "services/n/s"],
  );
  const attached = { ...SERVICE, name: "web", addresses: ["10.0.0.3/24"], backend: backend("h1") };
  assert.ok((await store.commit(serviceRecords.replace(await service(), attached, NETWORK))).ok);
  assert.deepEqual((await keys()).filter((key) => !empty.includes(key)), [
    ...["addresses/n/10.0.0.3", "endpoints/n/s", "host-backends/h1/n/s", "macs/n/02:00"],
    ...["service-names/n/web", "services/n/s"],
  ]);
  const moved = { ...attached, backend: backend("h2") };
  assert.ok((await store.commit(serviceRecords.replace(await service(), moved, NETWORK))).ok);
  assert.ok((await keys()).includes("host-backends/h2/n/s"));
  assert.ok(!(await keys()).includes("host-backends/h1/n/s"));
  assert.deepEqual((await service()).record, moved);
  assert.ok((await store.commit(serviceRecords.remove(await service(), NETWORK))).ok);
  assert.deepEqual(await keys(), empty);
});

Deno.test("two can't take one name, address or MAC; nor one service on an old state", async () => {
  await using all = await subject();
  const { store, network, service } = all;
  await store.commit(serviceRecords.create(SERVICE, await network()));
  const other = { ...SERVICE, id: "t", name: "x", addresses: ["10.0.0.9/24"], mac: "02:09" };
  for (
    const [change, failed] of [
      [{ name: "dB" }, "service-names/n/db"],
      [{ addresses: SERVICE.addresses }, "addresses/n/10.0.0.2"],
      [{ mac: SERVICE.mac }, "macs/n/02:00"],
    ] as const
  ) {
    const fragment = serviceRecords.create(
      { ...other, ...change } as ServiceRecord,
      await network(),
    );
    assert.deepEqual(await store.commit(fragment), { ok: false, failed });
  }
  const before = await service();
  const attached = { ...SERVICE, backend: backend("h1") };
  assert.ok((await store.commit(serviceRecords.replace(before, attached, NETWORK))).ok);
  for (
    const late of [
      serviceRecords.replace(before, SERVICE, NETWORK),
      serviceRecords.remove(before, NETWORK),
    ]
  ) {
    assert.deepEqual(await store.commit(late), { ok: false, failed: "endpoints/n/s" });
  }
});

Deno.test("a network goes whole, unless a service was published after it was read", async () => {
  await using all = await subject();
  const { store, keys, network } = all;
  const before = await network();
  await store.commit(serviceRecords.create(SERVICE, before));
  assert.deepEqual(await store.commit(networkRecords.remove(before)), {
    ...{ ok: false, failed: "network-fences/n" },
  });
  const [stored] = await serviceRecords.list(store, "n");
  const copy = { get: () => undefined, list: () => [] };
  await store.commit(serviceRecords.remove(stored!, NETWORK));
  await store.commit(retiredRecords.put(copy, SERVICE, CREATED));
  await store.commit({ puts: [{ key: "endpoints/n/orphan", value: "{}" }] });
  for (const rest of await removeRemains(store, { stored: await network(), members: [] })) {
    assert.ok((await store.commit(rest)).ok);
  }
  assert.ok((await store.commit(networkRecords.remove(await network()))).ok);
  assert.deepEqual(await keys(), []);
});

Deno.test("the oldest retired services are forgotten beyond the bound, never the one that is put", () => {
  const entries = Array.from({ length: 1024 }, (_, i) => ({
    ...{ key: `retired/n/s${i}`, value: "{}", revision: String(i).padStart(4, "0") },
  }));
  const copy = (all: typeof entries) => ({ get: () => undefined, list: () => [...all] });
  const put = (all: typeof entries, name: string) =>
    retiredRecords.put(copy(all), { ...SERVICE, name }, CREATED).deletes;
  assert.deepEqual(put(entries.slice(1), "new"), []);
  assert.equal(put(entries, "new")!.length, 16);
  assert.equal(put(entries, "S0")!.length, 15);
});
