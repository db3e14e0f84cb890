import assert from "node:assert/strict";
import { controllerSubject } from "../../../tests/harness/controllers.ts";

Deno.test("the network of uplinks is made when the first one is needed, once, and keeps containers apart", async () => {
  await using all = await controllerSubject();
  assert.deepEqual(all.networks.list(), []);
  const made = await Promise.all([1, 2, 3].map(() => all.networks.ensureGateway()));
  assert.equal(new Set(made.map(({ id }) => id)).size, 1);
  assert.equal(made[0]!.role, "gateway");
  assert.deepEqual(made[0]!.options, { icc: "false" });
  assert.deepEqual(all.bridge.calls, ["createNetwork"]);
  assert.deepEqual(all.order, []);
});

Deno.test("nobody removes it: it is predefined", async () => {
  await using all = await controllerSubject();
  const { name } = await all.networks.ensureGateway();
  await assert.rejects(all.networks.remove(name), { code: "forbidden", message: /predefined/ });
});
