import assert from "node:assert/strict";
import { controllerSubject } from "../../../tests/harness/controllers.ts";

Deno.test("a default network of another driver is refused, and nothing is made", async () => {
  await using all = await controllerSubject();
  await all.networks.create({ name: "front", driver: "plugin" });
  await assert.rejects(all.networks.ensurePredefined({ driver: "bridge", network: "front" }), {
    code: "invalid",
  });
  assert.deepEqual(all.networks.list().map(({ name }) => name), ["front"]);
});

Deno.test("a plugin's default network isn't made before the plugin may be asked", async () => {
  await using all = await controllerSubject();
  const defaults = { driver: "plugin", network: "front" };
  await all.networks.ensurePredefined(defaults);
  assert.deepEqual(all.plugin.calls, []);
  assert.equal(all.context.state.networkByName("front"), undefined);
  await all.networks.ensureDefault(defaults);
  assert.equal(all.context.state.networkByName("front")?.record.driver, "plugin");
});
