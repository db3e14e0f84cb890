import assert from "node:assert/strict";
import { until } from "../../../kv/testing/case.ts";
import { CuttableStore } from "../../../tests/harness/cuttable_store.ts";
import { Mirror } from "../mirror.ts";
import { servicePuts } from "../../../tests/harness/service_puts.ts";
import { keys } from "../keys.ts";
import type { ServiceRecord } from "../records.ts";
import type { MemberRecord } from "../records.ts";
import { State } from "../state.ts";
import { Admission } from "./admission.ts";
import { GuardedStore } from "./guarded_store.ts";
import { Snapshot } from "./snapshot.ts";

const NET = "a".repeat(64), HOST = "b".repeat(64), OTHER = "c".repeat(64);
const CREATED = "2026-01-01T00:00:00.000Z";
const member = (host: string): MemberRecord => ({ host, name: "one", address: "192.0.2.1" });
const good = { key: keys.member(NET, HOST), value: JSON.stringify(member(HOST)) };
const bad = { key: keys.member(NET, OTHER), value: "null" };

async function subject() {
  await using stack = new AsyncDisposableStack();
  const { store } = stack.use(await CuttableStore.open());
  const admission = new Admission();
  const guarded = new GuardedStore(store, admission);
  const rest = stack.move();
  return { store, admission, guarded, [Symbol.asyncDispose]: () => rest.disposeAsync() };
}

Deno.test("what is bad isn't there, whichever way it is read, and is named while it is in the store", async () => {
  await using all = await subject();
  const { store, admission, guarded } = all;
  await store.commit({ puts: [good, bad] });
  assert.equal((await guarded.get(good.key))!.value, good.value);
  assert.equal(await guarded.get(bad.key), undefined);
  assert.deepEqual((await guarded.list(keys.members)).map(({ key }) => key), [good.key]);
  assert.equal(admission.leftOut.length, 1);
  assert.match(admission.leftOut[0]!.key, /^"members\/a+\/c+…?"$/);
  await store.commit({ deletes: [bad.key] });
  await guarded.list(keys.members);
  assert.deepEqual(admission.leftOut, []);
});

Deno.test("a good record that becomes bad is gone, and comes back with the next good one", async () => {
  await using all = await subject();
  const { store, guarded, admission } = all;
  await store.commit({ puts: [good] });
  await using stack = new AsyncDisposableStack();
  const mirror = stack.adopt(await Mirror.open(guarded, keys.members), (one) => one.close());
  assert.ok(mirror.get(good.key));
  await store.commit({ puts: [{ key: good.key, value: '{"host":1}' }] });
  await until(() => Promise.resolve(mirror.get(good.key) === undefined), "it is gone");
  assert.equal(admission.leftOut.length, 1);
  await store.commit({ puts: [good] });
  await until(() => Promise.resolve(mirror.get(good.key) !== undefined), "it is back");
  assert.deepEqual(admission.leftOut, []);
});

Deno.test("what a newer netsvc wrote isn't read, and neither written over nor deleted", async () => {
  await using all = await subject();
  const { store, guarded } = all;
  const value = JSON.stringify({ v: 99, more: true });
  await store.commit({ puts: [{ key: good.key, value }] });
  const refused = { code: "unsupported", message: /was written by a newer netsvc/ };
  // By a check that it doesn't exist, and by who has seen it.
  const create = { checks: [{ key: good.key, revision: null }], puts: [good] };
  await assert.rejects(guarded.commit(create), refused);
  assert.deepEqual(await guarded.list(keys.members), []);
  await assert.rejects(guarded.commit({ puts: [good] }), refused);
  await assert.rejects(guarded.commit({ deletes: [good.key] }), refused);
  assert.equal((await store.get(good.key))!.value, value);
});

Deno.test("what goes with a newer netsvc's service stays: its endpoint, and its network", async () => {
  await using all = await subject();
  const { store, guarded } = all;
  const service = keys.service(NET, OTHER);
  await store.commit({ puts: [{ key: service, value: '{"v":99}' }] });
  assert.deepEqual(await guarded.list(keys.servicesOf(NET)), []);
  for (const key of [keys.endpoint(NET, OTHER), keys.network(NET)]) {
    await assert.rejects(guarded.commit({ deletes: [key] }), { code: "unsupported" });
  }
  // What is of others isn't concerned, nor is anything when the record is gone.
  assert.ok(
    (await guarded.commit({ deletes: [keys.network(OTHER), keys.endpoint(NET, HOST)] })).ok,
  );
  await store.commit({ deletes: [service] });
  assert.deepEqual(await guarded.list(keys.servicesOf(NET)), []);
  assert.ok((await guarded.commit({ deletes: [keys.network(NET)] })).ok);
});

Deno.test("a key that holds something bad is free", async () => {
  await using all = await subject();
  const { store, guarded } = all;
  await store.commit({ puts: [bad, { key: keys.hostName("one"), value: "[]" }] });
  const name = { key: keys.hostName("one"), value: JSON.stringify(OTHER) };
  const checks = [{ key: bad.key, revision: null }, { key: name.key, revision: null }];
  const puts = [{ key: bad.key, value: JSON.stringify(member(OTHER)) }, name];
  assert.equal((await guarded.commit({ checks, puts })).ok, true);
  assert.deepEqual(JSON.parse((await store.get(bad.key))!.value), member(OTHER));
  // What is good is somebody's.
  assert.deepEqual(await guarded.commit({ checks, puts }), { ok: false, failed: bad.key });
  await assert.rejects(
    guarded.commit({ puts: [{ key: good.key, value: JSON.stringify(member(OTHER)) }] }),
    { code: "invalid", message: /its host isn't that of its key/ },
  );
});

Deno.test("more bad records than anybody reads are bounded", async () => {
  await using all = await subject();
  const { admission } = all;
  const entries = Array.from({ length: 3000 }, (_, i) => ({
    ...{ key: `networks/${i}\u001b[31m\n`, value: "x".repeat(100), revision: "1" },
  }));
  assert.deepEqual(admission.all("networks/", entries), []);
  assert.equal(admission.leftOut.length, 1000);
  // deno-lint-ignore no-control-regex -- these are what it is about
  assert.ok(admission.leftOut.every(({ key }) => !/[\u0000-\u001f]/.test(key)));
});

Deno.test("nothing of the shared store takes the place of what is a host's own", async () => {
  await using all = await subject();
  const { guarded, store } = all;
  await using own = await CuttableStore.open();
  const network = {
    ...{ id: NET, name: "own", driver: "overlay", scope: "global", created: CREATED },
    ...{ internal: false, ipv6: false, predefined: false, pools: [], options: {}, labels: {} },
  };
  const service: ServiceRecord = {
    ...{ id: HOST, name: "s", network: NET, created: CREATED, addresses: [], mode: "single" },
    ...{ mac: "02:00:00:00:00:01", aliases: [], ports: [] },
  };
  const local = { ...network, driver: "bridge", scope: "local" };
  await own.store.commit({ puts: [{ key: keys.network(NET), value: JSON.stringify(local) }] });
  const forged = [
    { key: keys.network(NET), value: JSON.stringify({ ...network, name: "taken" }) },
    ...servicePuts(service),
  ];
  await store.commit({ puts: forged });
  await using stack = new AsyncDisposableStack();
  const mirrors = [await Mirror.open(own.store), await Mirror.open(guarded)] as const;
  for (const mirror of mirrors) stack.defer(() => mirror.close());
  const state = new State(...mirrors, { hostId: OTHER });
  stack.defer(() => state.close());
  const intact = () => {
    assert.equal(state.networks.get(NET)!.record.name, "own");
    assert.equal(state.networks.get(NET)!.record.scope, "local");
    assert.equal(state.networkByName("taken"), undefined);
    assert.equal(state.services.size, 0);
  };
  intact();
  await mirrors[1].commit({ puts: forged });
  intact();
  await mirrors[1].commit({ deletes: forged.map(({ key }) => key) });
  intact();
});

Deno.test("a snapshot file that somebody has written holds nothing but entries of its prefixes", async () => {
  await using all = await subject();
  const path = await Deno.makeTempFile({ prefix: "netsvc-test-" });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(path));
  const mirror = stack.adopt(await Mirror.open(all.guarded, keys.members), (one) => one.close());
  const entry = { ...good, revision: "1" };
  const entries = {
    [keys.membersOf(NET)]: [entry, null, 1, { key: "networks/x", value: "", revision: "1" }, {}],
  };
  for (
    const [content, left] of [
      [{ store: "s", entries }, 1],
      [{ store: "s", entries: { "networks/": 1 } }, 0],
      [{ store: "s" }, 0],
      [null, 0],
    ] as const
  ) {
    await Deno.writeTextFile(path, JSON.stringify(content));
    const snapshot = new Snapshot(path, "s", mirror);
    const read = [...snapshot.read().values()].flat();
    assert.equal(read.length, left, JSON.stringify(content));
    await snapshot.close();
  }
});

Deno.test("a record's key and a host's name do nothing to the line that shows them", () => {
  const admission = new Admission();
  const id = "a".repeat(64);
  const host = (name: string) => ({
    key: keys.host(id),
    value: JSON.stringify({
      ...{ v: 1, id, name, overlayPort: 4789, version: "0", started: "2026-01-01T00:00:00Z" },
    }),
    revision: "1",
  });
  assert.ok(admission.admits(host("plain-ä")));
  for (const name of ["\u202eevil", "a\u200bb", "\u2066x", "\ufeff", "a\u001b[31m", "a\nb"]) {
    assert.ok(!admission.admits(host(name)), JSON.stringify(name));
  }
  assert.ok(!admission.admits({ key: "services/\u202e/\u001b[2J", value: "{}", revision: "1" }));
  for (const { key } of admission.leftOut) assert.match(key, /^[\x20-\x7e…]*$/);
});
