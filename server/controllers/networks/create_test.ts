import assert from "node:assert/strict";
import type { AllocatedPool, Ipam } from "../../../drivers/ipam.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { until } from "../../../kv/testing/case.ts";
import { controllerSubject } from "../../../tests/harness/controllers.ts";

Deno.test("a network that the store has made without an answer is removed when it is seen", async () => {
  await using all = await controllerSubject();
  const { state } = all.context;
  const { store } = all.store;
  const commit = store.commit.bind(store);
  const seen: string[] = [];
  state.subscribe((changes) => {
    for (const { type, after } of changes) {
      if (type === "network") seen.push(after ? "there" : "gone");
    }
  });
  store.commit = async (transaction) => {
    store.commit = commit;
    await commit(transaction);
    throw new NetsvcError("unavailable", "The answer is lost, on purpose");
  };
  await assert.rejects(all.networks.create({ name: "front" }), { code: "unavailable" });
  await until(() => Promise.resolve(seen.includes("gone")), "the end of the late network");
  assert.deepEqual(seen, ["there", "gone"]);
  await all.networks.create({ name: "front" });
  assert.deepEqual(all.order, []);
});

/** A plugin's IPAM that tells what it is asked for. */
function ipam(calls: string[]): Ipam {
  const tell = (what: string) => Promise.resolve(void calls.push(what));
  return {
    name: "addresses",
    capabilities: () => Promise.resolve({ requiresMac: false, requiresReplay: false }),
    requestPool: async (): Promise<AllocatedPool> => {
      await tell("pool");
      return { poolId: "p", subnet: "10.77.0.0/24", gateway: "10.77.0.1" };
    },
    releasePool: () => tell("release pool"),
    requestAddress: async () => {
      await tell("address");
      return `10.77.0.${calls.length + 10}/24`;
    },
    releaseAddress: (_, address) => tell(`release ${address}`),
  };
}

Deno.test("pools and addresses of a plugin are given back with what had them, or never got them", async () => {
  const calls: string[] = [];
  await using all = await controllerSubject(ipam(calls));
  all.bridge.on = (call) => {
    if (call === "createNetwork") throw new Error("on purpose");
  };
  await assert.rejects(
    all.networks.create({ name: "front", ipamDriver: "addresses" }),
    /on purpose/,
  );
  assert.deepEqual(calls.splice(0), ["pool", "release pool"]);
  all.bridge.on = () => {};
  await all.networks.create({ name: "front", ipamDriver: "addresses" });
  const { id, addresses } = await all.services.publish({ name: "web", network: "front" });
  assert.deepEqual(addresses, ["10.77.0.12/24"]);
  assert.deepEqual(calls.splice(0), ["pool", "address"]);
  await all.services.unpublish(id);
  assert.deepEqual(calls.splice(0), ["release 10.77.0.12"]);
  await all.networks.remove("front");
  assert.deepEqual(calls.sort(), ["release 10.77.0.1", "release pool"]);
  assert.deepEqual(all.intents.plugins(), []);
  assert.deepEqual(all.order, []);
});
