import assert from "node:assert/strict";
import { put } from "../../../kv/testing/case.ts";
import { CuttableStore } from "../../../tests/harness/cuttable_store.ts";
import { Mirror } from "../mirror.ts";
import { keys, networkPrefixes } from "../keys.ts";
import { Interests } from "./subscriptions.ts";
import { StoreLink } from "./store_link.ts";

Deno.test("ensure() follows one network, and nothing of the others", async () => {
  await using cuttable = await CuttableStore.open();
  for (const network of ["n1", "n2"]) await put(cuttable.store, keys.service(network, "s"), "1");
  await using link = new StoreLink(cuttable.store, "etcd:h:1");
  const mirror = new Mirror(link);
  const interests = new Interests(mirror, link);
  await Promise.all([interests.ensure("n1"), interests.ensure("n1")]);
  assert.equal(mirror.get(keys.service("n1", "s"))?.value, "1");
  assert.deepEqual(mirror.prefixes, networkPrefixes("n1"));
  assert.equal(cuttable.calls.watch, 4);
  assert.ok(interests.has("n1") && !interests.has("n2"));
  await interests.ensure("n1");
  assert.equal(cuttable.calls.watch, 4);
  await mirror.close();
});

Deno.test("sweep() keeps what is needed or was asked for a moment ago", async () => {
  await using cuttable = await CuttableStore.open();
  for (const network of ["n1", "n2"]) await put(cuttable.store, keys.service(network, "s"), "1");
  await using link = new StoreLink(cuttable.store, "etcd:h:1");
  const mirror = new Mirror(link);
  const interests = new Interests(mirror, link, 0);
  await interests.ensure("n1");
  await interests.ensure("n2");
  await interests.sweep((network) => network === "n1");
  assert.deepEqual(mirror.prefixes, networkPrefixes("n1"));
  assert.equal(mirror.get(keys.service("n2", "s")), undefined);
  assert.ok(interests.has("n1") && !interests.has("n2"));
  const patient = new Interests(mirror, link);
  await patient.ensure("n2");
  await patient.sweep(() => false);
  assert.ok(patient.has("n2"));
  await mirror.close();
});

Deno.test("ensure() fails while the store is away, but for what is known from before", async () => {
  await using cuttable = await CuttableStore.open();
  cuttable.cut();
  await using link = new StoreLink(cuttable.store, "etcd:h:1");
  const mirror = new Mirror(link, { deadline: 50 });
  const interests = new Interests(mirror, link);
  await assert.rejects(interests.ensure("n1"), { code: "timeout" });
  interests.begin("n2");
  await interests.ensure("n2");
  assert.ok(interests.has("n2"));
  cuttable.restore();
  await put(cuttable.store, keys.service("n1", "s"), "1");
  await interests.ensure("n1");
  await mirror.close();
});
