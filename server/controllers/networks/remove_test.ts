import assert from "node:assert/strict";
import { controllerSubject } from "../../../tests/harness/controllers.ts";

Deno.test("what else of the host uses a network is in the way, and is named", async () => {
  await using all = await controllerSubject();
  await all.networks.create({ name: "front" });
  all.networks.users.push(({ name }) => name === "front" ? "Docker's plugin has it" : undefined);
  await assert.rejects(all.networks.remove("front"), {
    code: "in_use",
    message: /Docker's plugin has it; remove that first or use -f/,
  });
  assert.ok(all.context.state.networkByName("front"));
});

Deno.test("where the kernel's half can't be removed the failure is told; the store's half is done, the rest the reconciler's", async () => {
  await using all = await controllerSubject();
  await all.networks.create({ name: "front" });
  all.bridge.on = (call) => {
    if (call === "deleteNetwork") throw new Error("on purpose");
  };
  await assert.rejects(all.networks.remove("front"), /on purpose/);
  assert.equal(all.context.state.networkByName("front"), undefined);
  assert.deepEqual(all.bridge.calls, ["createNetwork", "deleteNetwork"]);
  assert.deepEqual(all.order, []);
  all.bridge.on = () => {};
  await all.networks.create({ name: "front" }); // Its name is free.
});

Deno.test("what isn't there is said not to be", async () => {
  await using all = await controllerSubject();
  await assert.rejects(all.networks.remove("none-such"), { code: "not_found" });
});

Deno.test("an empty network is removed by one commit, without a read of the store", async () => {
  await using all = await controllerSubject();
  await all.networks.create({ name: "front" });
  const before = { ...all.store.calls };
  await all.networks.remove("front");
  const { get, list, commit } = all.store.calls;
  assert.deepEqual([get, list, commit], [before.get, before.list, before.commit + 1]);
  assert.equal((await all.store.store.list("networks/")).length, 0);
});

Deno.test("a service that the copy doesn't have yet keeps its network", async () => {
  await using all = await controllerSubject();
  const { local } = all.context.state;
  await all.networks.create({ name: "front" });
  const old = new Map(local.list("").map((entry) => [entry.key, entry]));
  await all.services.publish({ name: "api", network: "front" });
  // As if the watch were late.
  local.get = (key) => old.get(key);
  local.list = (prefix) => [...old.values()].filter(({ key }) => key.startsWith(prefix));
  await assert.rejects(all.networks.remove("front"), { code: "in_use", message: /api/ });
  assert.deepEqual(all.bridge.calls, ["createNetwork"]);
  assert.ok(all.context.state.networkByName("front"));
});
