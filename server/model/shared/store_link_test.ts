import assert from "node:assert/strict";
import { until } from "../../../kv/testing/case.ts";
import { CuttableStore } from "../../../tests/harness/cuttable_store.ts";
import { StoreLink } from "./store_link.ts";

Deno.test("a store that goes away is noticed, asked for by one probe, and its return is told once", async () => {
  await using cuttable = await CuttableStore.open();
  const link = new StoreLink(cuttable.store, "etcd:h:1");
  let back = 0;
  const unsubscribe = link.onBack(() => back++);
  await link.commit({ puts: [{ key: "k", value: "1" }] });
  assert.equal(link.away, undefined);
  cuttable.refuse();
  await assert.rejects(link.get("k"), { code: "unavailable" });
  assert.ok(link.away!.since <= Date.now());
  const { commit } = cuttable.calls;
  await assert.rejects(link.commit({ puts: [{ key: "k", value: "2" }] }), {
    code: "unavailable",
    message: /^The store "etcd:h:1" has not answered for 1 s; reads, names and traffic go on, try/,
  });
  assert.equal(cuttable.calls.commit, commit, "a write isn't even sent");
  cuttable.answer();
  await until(() => Promise.resolve(link.away === undefined), "a probe finds it");
  assert.equal(back, 1);
  assert.equal((await link.get("k"))?.value, "1");
  unsubscribe();
  assert.ok(link.latency! >= 0);
  await close(link);
});

Deno.test("a write looks whether the store is back before it is refused", async () => {
  await using cuttable = await CuttableStore.open();
  const link = new StoreLink(cuttable.store, "etcd:h:1");
  cuttable.refuse();
  await assert.rejects(link.list("k"), { code: "unavailable" });
  const { list } = cuttable.calls;
  cuttable.answer();
  await assert.rejects(link.list("k"), { code: "unavailable" });
  assert.equal(cuttable.calls.list, list, "a read isn't even sent: its asker has an older answer");
  assert.equal((await link.commit({ puts: [{ key: "k", value: "1" }] })).ok, true);
  await (await link.lease(2000)).revoke();
  await close(link);
});

Deno.test("an error that the store answers with is no absence", async () => {
  await using cuttable = await CuttableStore.open();
  const link = new StoreLink(cuttable.store, "etcd:h:1");
  await assert.rejects(link.get("//"), { code: "invalid" });
  assert.equal(link.away, undefined);
  await close(link);
});

/** Ends the probes; the store is the test's to close, and closing it twice is harmless. */
async function close(link: StoreLink): Promise<void> {
  await link[Symbol.asyncDispose]();
}
