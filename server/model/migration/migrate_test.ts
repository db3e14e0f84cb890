import assert from "node:assert/strict";
import fixture from "../../../tests/fixtures/form_1.json" with { type: "json" };
import type { Put } from "../../../kv/store.ts";
import { CuttableStore } from "../../../tests/harness/cuttable_store.ts";
import { faultOf } from "../shared_records.ts";
import { Mirror } from "../mirror.ts";
import type { ServiceRecord } from "../records.ts";
import { serviceRecords } from "../repository/services.ts";
import { State } from "../state.ts";
import { FORM, formOf, migrate, migrated, migrateLocal } from "./migrate.ts";

/** A store with entries in it. */
async function storeOf(entries: Put[]): Promise<CuttableStore> {
  const cuttable = await CuttableStore.open();
  for (let i = 0; i < entries.length; i += 60) {
    await cuttable.store.commit({ puts: entries.slice(i, i + 60) });
  }
  return cuttable;
}

/** The services of form 1 among entries. */
function oldServices(entries: Put[]): Omit<ServiceRecord, "mode">[] {
  return entries.filter(({ key }) => key.startsWith("services/"))
    .map(({ value }) => JSON.parse(value));
}

const all = async (cuttable: CuttableStore) =>
  (await cuttable.store.list("")).map(({ key, value }) => ({ key, value }));

for (
  const [name, entries] of [
    ["an embedded store", fixture.local.entries],
    ["a shared store", fixture.shared.entries],
  ] as const
) {
  Deno.test(`${name} of form 1 is migrated without loss, and only once`, async () => {
    await using cuttable = await storeOf(entries);
    const old = oldServices(entries);
    assert.ok(old.length > 3);
    assert.equal(await migrate(cuttable.store), old.length);
    assert.equal(await formOf(cuttable.store), FORM);
    const now = (await serviceRecords.list(cuttable.store)).map(({ record }) => record);
    for (const service of old) {
      const found = now.find(({ id }) => id === service.id);
      assert.deepEqual(found, { ...service, mode: "single" });
    }
    assert.equal(now.length, old.length);
    // All else is as it was, to the letter.
    const after = new Map((await all(cuttable)).map(({ key, value }) => [key, value]));
    for (const { key, value } of entries) {
      if (!key.startsWith("services/")) assert.equal(after.get(key), value, key);
    }
    assert.equal(after.size, entries.length + old.length + 1);
    const before = cuttable.calls.commit;
    assert.equal(await migrate(cuttable.store), 0);
    assert.equal(cuttable.calls.commit, before);
  });

  Deno.test(`${name}: a crash after any transaction is made good by the next start`, async () => {
    await using whole = await storeOf(entries);
    await migrate(whole.store);
    const wanted = await all(whole);
    const services = oldServices(entries);
    for (let done = 0; done <= services.length; done++) {
      await using cuttable = await storeOf(entries);
      // As if the daemon had ended after so many of them, each in a transaction of its own.
      for (const service of services.slice(0, done)) {
        const puts = serviceRecords.puts({ ...service, mode: "single" });
        assert.ok((await cuttable.store.commit({ puts })).ok);
      }
      assert.equal(await migrate(cuttable.store), services.length - done);
      assert.deepEqual(await all(cuttable), wanted);
    }
  });
}

Deno.test("what is migrated in a shared store is let in by the guard", async () => {
  await using cuttable = await storeOf(fixture.shared.entries);
  await migrate(cuttable.store);
  for (const { key, value } of await cuttable.store.list("")) {
    assert.equal(faultOf(key, value), undefined, `${key}: ${value}`);
  }
});

Deno.test("two hosts migrate one store at the same time", async () => {
  await using cuttable = await storeOf(fixture.shared.entries);
  const done = await Promise.all([migrate(cuttable.store), migrate(cuttable.store)]);
  assert.equal(done[0] + done[1], oldServices(fixture.shared.entries).length);
  assert.equal(await formOf(cuttable.store), FORM);
});

Deno.test("a state of what is migrated has names, addresses, MACs and backends as before", async () => {
  await using cuttable = await storeOf(fixture.local.entries);
  await migrateLocal(cuttable.store);
  const mirror = await Mirror.open(cuttable.store);
  const hostId = fixture.local.entries.find(({ key }) => key === "host/id")!.value;
  const state = new State(mirror, mirror, { hostId });
  for (const shown of fixture.local.shown.services) {
    const { record } = state.serviceByName(shown.network.id, shown.name)!;
    assert.equal(record.id, shown.id);
    assert.deepEqual(record.addresses, shown.addresses);
    assert.equal(record.mac, shown.mac);
    assert.equal(state.backendsOf(record)[0]?.container, shown.backend?.container.id);
    assert.equal(record.backend?.interface, shown.backend?.interface);
    for (const address of shown.addresses) {
      assert.ok(state.hasAddress(shown.network.id, address.split("/")[0]!));
    }
  }
  assert.equal(state.containers.size, fixture.local.shown.containers.length);
  assert.ok([...state.networks.values()].some(({ record }) => record.role === "gateway"));
  state.close();
  await mirror.close();
});

Deno.test("the copy of a shared store that a file of form 1 holds is in the new form, too", () => {
  const entries = fixture.shared.snapshot.entries as unknown as Record<
    string,
    { key: string; value: string; revision: string }[]
  >;
  const now = migrated(new Map(Object.entries(entries)));
  const networks = Object.keys(entries).filter((prefix) => prefix.startsWith("services/"));
  assert.ok(networks.length > 0);
  for (const prefix of networks) {
    const places = now.get(prefix.replace("services/", "endpoints/"))!;
    assert.equal(places.length, entries[prefix]!.length);
    for (const entry of [...now.get(prefix)!, ...places]) {
      assert.equal(faultOf(entry.key, entry.value), undefined, entry.key);
      const old = entries[prefix]!.find(({ key }) => key.endsWith(entry.key.split("/")[2]!))!;
      assert.equal(entry.revision, old.revision);
    }
  }
  assert.deepEqual(migrated(now), now, "what is in the new form stays");
});

Deno.test("a store of a newer netsvc is refused, and nothing of it is touched", async () => {
  const newer = { key: "containers/c", value: '{"v":2,"id":"c"}' };
  for (const put of [newer, { key: "meta/form", value: '{"v":1,"form":3}' }]) {
    await using cuttable = await storeOf([...fixture.local.entries, put]);
    const before = await all(cuttable);
    await assert.rejects(migrateLocal(cuttable.store), {
      code: "unsupported",
      message: /newer netsvc/,
    });
    assert.deepEqual(await all(cuttable), before);
  }
});
