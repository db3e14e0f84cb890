import assert from "node:assert/strict";
import fixture from "../../../tests/fixtures/form_1.json" with { type: "json" };
import type { Entry } from "../../../kv/store.ts";
import { CuttableStore } from "../../../tests/harness/cuttable_store.ts";
import { hostRecords } from "../repository/hosts.ts";
import { serviceRecords } from "../repository/services.ts";
import { separated } from "./form_1.ts";
import { FORM, formOf } from "./migrate.ts";
import { MigratedStore, migrateShared, oldHosts } from "./old_hosts.ts";

const [first, second] = ["host-1", "host-2"].map((name) => {
  const { value } = fixture.shared.entries.find(({ key, value }) =>
    key.startsWith("hosts/") && JSON.parse(value).name === name
  )!;
  return JSON.parse(value).id as string;
}) as [string, string];

/** The store of two hosts, as daemons of the old form left it: which of them live is given. */
async function store(...alive: string[]): Promise<CuttableStore> {
  const cuttable = await CuttableStore.open();
  const puts = fixture.shared.entries.filter(({ key }) => !/^(host-leases|members)\//.test(key));
  await cuttable.store.commit({ puts });
  for (const id of alive) {
    await cuttable.store.commit({
      puts: [{ key: `host-leases/${id}`, value: `"lease of ${id}"` }],
    });
  }
  return cuttable;
}

/** Keys of the services of form 1 among entries. */
function oldServicesOf(entries: Entry[]): string[] {
  return entries.filter((entry) => separated(entry)).map(({ key }) => key);
}

Deno.test("a store is migrated when no other daemon of the old form lives", async () => {
  await using cuttable = await store(first);
  assert.deepEqual(await oldHosts(cuttable.store, first), []);
  await migrateShared(cuttable.store, { hostId: first, ttl: 0 });
  assert.equal(await formOf(cuttable.store), FORM);
  assert.ok((await serviceRecords.list(cuttable.store)).every(({ endpoint }) => endpoint));
});

Deno.test("who writes no form, or services as nobody has them, keeps no host from starting", async () => {
  const NONE = [
    "null",
    "not json",
    '"x"',
    "[]",
    '{"v":1}',
    '{"v":1,"form":"2"}',
    '{"v":1,"form":0}',
  ];
  const { value } = fixture.shared.entries.find(({ key }) => key.startsWith("services/"))!;
  const old = JSON.parse(value);
  const id = "ab".repeat(32);
  for (const none of NONE) {
    await using cuttable = await store(first);
    const services = oldServicesOf(await cuttable.store.list("services/"));
    await cuttable.store.commit({
      puts: [
        { key: "meta/form", value: none },
        {
          key: `services/${old.network}/${id}`,
          value: JSON.stringify({ ...old, id, aliases: Array(300).fill("x".repeat(60)) }),
        },
      ],
    });
    await migrateShared(cuttable.store, { hostId: first, ttl: 0 });
    assert.equal(await formOf(cuttable.store), FORM, none);
    const left = oldServicesOf(await cuttable.store.list("services/"));
    assert.deepEqual(
      left,
      [`services/${old.network}/${id}`],
      "the bad one alone is left as it was",
    );
    assert.ok(services.length > 1);
  }
  await using newer = await store(first);
  for (const value of ['{"v":1,"form":3}', '{"v":2,"shape":2}']) {
    await newer.store.commit({ puts: [{ key: "meta/form", value }] });
    await assert.rejects(migrateShared(newer.store, { hostId: first, ttl: 0 }), {
      code: "unsupported",
    });
  }
});

Deno.test("a daemon of the old form that lives is named, and nothing is changed", async () => {
  await using cuttable = await store(first, second);
  const before = await cuttable.store.list("");
  await assert.rejects(migrateShared(cuttable.store, { hostId: first, ttl: -5_000 }), {
    code: "in_use",
    message: `The store holds records of an earlier netsvc, which still runs on host ` +
      `"lease of ${second}"; stop all its daemons, then start this one: containers go on meanwhile`,
  });
  assert.deepEqual(await cuttable.store.list(""), before);
});

Deno.test("the lease of a daemon that was stopped a moment ago is waited for", async () => {
  await using cuttable = await store(second);
  const migrating = migrateShared(cuttable.store, { hostId: first, ttl: 60_000 });
  await cuttable.store.commit({ deletes: [`host-leases/${second}`] });
  await migrating;
  assert.equal(await formOf(cuttable.store), FORM);
});

Deno.test("hosts of the new form don't keep each other from starting", async () => {
  await using cuttable = await store(second);
  const host = (await hostRecords.get(cuttable.store, second))!;
  const value = JSON.stringify({ ...host, form: FORM });
  await cuttable.store.commit({ puts: [{ key: `hosts/${second}`, value }] });
  assert.deepEqual(await oldHosts(cuttable.store, first), []);
});

Deno.test("a store that was away is migrated before the first of it is read", async () => {
  await using cuttable = await store();
  const migrated = new MigratedStore(cuttable.store, { hostId: first, ttl: 0 });
  cuttable.refuse();
  await assert.rejects(migrated.list("services/"), { code: "unavailable" });
  const abort = new AbortController();
  const watched = migrated.watch("endpoints/", { signal: abort.signal })[Symbol.asyncIterator]();
  const first_ = watched.next();
  cuttable.answer();
  const event = (await first_).value!;
  assert.equal(event.type, "snapshot");
  assert.ok("entries" in event && event.entries.length > 0);
  abort.abort();
  await watched.return?.(undefined);
});
