import assert from "node:assert/strict";
import { STORE_EXPOSED_HEADER } from "../../../lib/api/headers.ts";
import { apiOf, noting } from "../../../tests/harness/app.ts";

Deno.test("hosts are listed, shown and forgotten", async () => {
  const vm = { name: "vm" };
  const { calls, controller } = noting({
    list: [vm],
    info: vm,
    removeHost: { name: "vm", cut: [] },
  });
  const ask = apiOf({ hosts: controller, clusters: controller });
  const listed = await ask("GET", "/hosts");
  assert.deepEqual(listed.body, [vm]);
  assert.equal(listed.headers.get(STORE_EXPOSED_HEADER), null);
  assert.deepEqual((await ask("GET", "/hosts/vm")).body, vm);
  assert.deepEqual((await ask("DELETE", "/hosts/vm")).body, { name: "vm", cut: [] });
  assert.deepEqual(calls, [["list"], ["info", "vm"], ["removeHost", "vm", { force: false }]]);
});

Deno.test("who may write into the store is said with the hosts", async () => {
  const ask = apiOf({ hosts: noting({ list: [] }).controller, storeExposure: "anyone – really" });
  const { headers } = await ask("GET", "/hosts");
  assert.equal(decodeURIComponent(headers.get(STORE_EXPOSED_HEADER)!), "anyone – really");
});
