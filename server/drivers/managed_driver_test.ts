import assert from "node:assert/strict";
import type { Join, NetworkSpec } from "../../drivers/driver.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import { controllerSubject } from "../../tests/harness/controllers.ts";

const NETWORK: NetworkSpec = {
  id: "1".repeat(64),
  name: "front",
  scope: "local",
  internal: false,
  ipv6: false,
  pools: [],
  options: {},
};
const JOIN: Join = {
  endpoint: { id: "2".repeat(64), addresses: [], mac: "" },
  sandbox: { id: "3".repeat(64), path: "/nowhere" },
  interface: "eth0",
  gateway: false,
  ports: [],
};
const away = () => {
  throw new NetsvcError("unavailable", "The plugin is away, on purpose");
};

Deno.test("netsvc's own drivers change nothing while the reconciler looks; plugins don't wait for it", async () => {
  await using all = await controllerSubject();
  const { gate, drivers } = all.context;
  const done: string[] = [];
  const looking = Promise.withResolvers<void>();
  const round = gate.exclusive(() => looking.promise);
  const own = drivers.get("bridge").join(NETWORK, JOIN).then(() => done.push("own"));
  await drivers.get("plugin").change(async (changes) => {
    await changes.setPeers(NETWORK, []);
    done.push("plugin");
  });
  assert.deepEqual([done, all.bridge.calls], [["plugin"], []]);
  looking.resolve();
  await Promise.all([round, own]);
  assert.deepEqual(all.bridge.calls, ["join"]);
});

Deno.test("what a plugin has and the state hasn't, or the other way round, is left to be settled", async () => {
  await using all = await controllerSubject();
  const plugin = all.context.drivers.get("plugin");
  // It is joined, and no service of the state says so.
  await plugin.join(NETWORK, JOIN);
  assert.deepEqual(all.intents.plugins(), ["plugin"]);
  await all.intents.settle("plugin");
  assert.deepEqual(all.plugin.calls, ["join", "leave"]);
  assert.deepEqual(all.intents.plugins(), []);
  // It was joined, and is left again in the same change.
  await plugin.change(async (changes) => {
    await changes.join(NETWORK, JOIN);
    await changes.leave(NETWORK, JOIN);
  });
  assert.deepEqual(all.intents.plugins(), []);
});

Deno.test("a plugin that is away is no reason not to leave, and is told later", async () => {
  await using all = await controllerSubject();
  all.plugin.on = away;
  await all.context.drivers.get("plugin").leave(NETWORK, JOIN);
  assert.deepEqual(all.intents.plugins(), ["plugin"]);
  await all.intents.settle("plugin");
  assert.deepEqual(all.intents.plugins(), ["plugin"], "it is still away");
  all.plugin.on = () => {};
  await all.intents.settle("plugin");
  assert.deepEqual(all.intents.plugins(), []);
  await assert.rejects(async () => {
    all.plugin.on = away;
    await all.context.drivers.get("plugin").join(NETWORK, JOIN);
  }, { code: "unavailable" });
});

Deno.test("who may refuse is asked before the record goes; netsvc's own driver after", async () => {
  await using all = await controllerSubject();
  const removal = (driver: "bridge" | "plugin") => {
    all[driver].calls.length = 0;
    return all.context.drivers.get(driver).removeNetwork(NETWORK, {
      check: () => Promise.resolve(void all[driver].calls.push("check")),
      commit: () => Promise.resolve(void all[driver].calls.push("commit")),
    });
  };
  await removal("bridge");
  assert.deepEqual(all.bridge.calls, ["commit", "deleteNetwork"]);
  await removal("plugin");
  assert.deepEqual(all.plugin.calls, ["check", "deleteNetwork", "commit"]);
  all.plugin.on = () => {
    throw new NetsvcError("kernel", "It refuses, on purpose");
  };
  await assert.rejects(removal("plugin"), { code: "kernel" });
  assert.deepEqual(all.plugin.calls, ["check", "deleteNetwork"]);
});
