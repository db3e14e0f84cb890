import assert from "node:assert/strict";
import { controllerSubject } from "../../../tests/harness/controllers.ts";

Deno.test("a network is in store and kernel, or in neither", async () => {
  await using all = await controllerSubject();
  const { state } = all.context;
  const network = await all.networks.create({ name: "front" });
  assert.deepEqual(network.pools.map(({ subnet }) => subnet), ["10.99.0.0/24"]);
  assert.deepEqual(await all.networks.find("Front"), network);
  all.bridge.on = (call) => {
    if (call === "createNetwork") throw new Error("on purpose");
  };
  await assert.rejects(all.networks.create({ name: "back" }), /on purpose/);
  assert.equal(state.networkByName("back"), undefined);
  assert.deepEqual(all.bridge.calls.slice(1), ["createNetwork", "deleteNetwork"]);
  all.bridge.on = () => {};
  assert.equal((await all.networks.create({ name: "back" })).pools[0]!.subnet, "10.99.1.0/24");
  assert.deepEqual(all.order, []);
});

Deno.test("names differ by more than case, and some are reserved in any", async () => {
  await using all = await controllerSubject();
  await all.networks.create({ name: "Front" });
  await assert.rejects(all.networks.create({ name: "front" }), {
    code: "exists",
    message: /already exists as "Front"/,
  });
  for (const name of ["Netsvc-Gateway", "CONTAINER", "Default"]) {
    await assert.rejects(all.networks.create({ name }), { code: "invalid", message: /reserved/ });
  }
});

Deno.test("the same network isn't made twice at once", async () => {
  await using all = await controllerSubject();
  const made = await Promise.allSettled(
    ["front", "Front", "front"].map((name) => all.networks.create({ name })),
  );
  assert.deepEqual(made.map(({ status }) => status).sort(), ["fulfilled", "rejected", "rejected"]);
  assert.deepEqual(all.bridge.calls, ["createNetwork"]);
});

Deno.test("a network with services stays, unless they are ended by force", async () => {
  await using all = await controllerSubject();
  await all.networks.create({ name: "front" });
  await all.services.publish({ name: "web", network: "front" });
  await all.services.publish({ name: "db", network: "front" });
  await assert.rejects(all.networks.remove("front"), {
    code: "in_use",
    message: /it has 2 services: web, db; unpublish them first or use -f/,
  });
  const told: string[] = [];
  const removed = await all.networks.remove("front", {
    unpublish: () => Promise.reject(new Error("nothing of it is on this host")),
    progress: (done, total) => told.push(`${done} of ${total}`),
  });
  assert.deepEqual(removed, {
    name: "front",
    cut: ["service web.front", "service db.front"].sort((a, b) =>
      removed.cut.indexOf(a) - removed.cut.indexOf(b)
    ),
  });
  assert.equal(told.at(-1), "2 of 2");
  assert.equal(all.context.state.networkByName("front"), undefined);
  assert.deepEqual(all.bridge.calls, ["createNetwork", "deleteNetwork"]);
  assert.deepEqual(all.order, []);
});

Deno.test("predefined networks and the default one are made once, and stay", async () => {
  await using all = await controllerSubject();
  const defaults = { driver: "bridge", network: "bridge" };
  await all.networks.ensurePredefined(defaults);
  await all.networks.ensurePredefined(defaults);
  assert.deepEqual(all.networks.list().map(({ name }) => name).sort(), ["bridge", "host", "none"]);
  assert.deepEqual(all.bridge.calls, [], "their kernel objects are the reconciler's");
  await assert.rejects(all.networks.remove("bridge"), { code: "forbidden" });
  await all.networks.ensureDefault({ driver: "plugin", network: "front" });
  await all.networks.ensureDefault({ driver: "plugin", network: "front" });
  assert.deepEqual(all.plugin.calls, ["createNetwork"]);
});
