import assert from "node:assert/strict";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { until } from "../../../kv/testing/case.ts";
import { controllerSubject } from "../../../tests/harness/controllers.ts";

const A = "a".repeat(64);

/** Publishing "web" for a container, on a network that there is. */
async function subject() {
  const all = await controllerSubject();
  await all.networks.create({ name: "front" });
  await all.container(A);
  all.bridge.calls.length = 0;
  return Object.assign(all, {
    publish: () =>
      all.context.locks.container(
        A,
        (held) =>
          all.attachments.publish(held, { name: "web", network: "front" }, { owner: { auto: A } }),
      ),
  });
}

Deno.test("what the store has done without an answer is ended when it is seen", async () => {
  await using all = await subject();
  const { state } = all.context;
  const { store } = all.store;
  const commit = store.commit.bind(store);
  const seen: string[] = [];
  state.subscribe((changes) => {
    for (const { type, after } of changes) {
      if (type === "service") seen.push(after ? "there" : "gone");
    }
  });
  store.commit = async (transaction) => {
    store.commit = commit;
    await commit(transaction);
    throw new NetsvcError("unavailable", "The answer is lost, on purpose");
  };
  await assert.rejects(all.publish(), { code: "unavailable" });
  await until(() => Promise.resolve(seen.includes("gone")), "the end of the late service");
  assert.equal(seen[0], "there");
  assert.equal(state.services.size, 0);
  assert.equal(all.bridge.calls[0], "join");
  assert.ok(all.bridge.calls.slice(1).every((call) => call === "leave"), `${all.bridge.calls}`);
  // Its name is free.
  await all.publish();
  assert.equal(state.services.size, 1);
  assert.deepEqual(all.order, []);
});

Deno.test("a conflict is decided again, and the loser's link goes", async () => {
  await using all = await subject();
  const { store } = all.store;
  const commit = store.commit.bind(store);
  store.commit = async (transaction) => {
    store.commit = commit;
    // Another host was faster about the address.
    const address = transaction.checks!.find(({ key }) => key.includes("10.99.0.2"))!.key;
    await commit({ puts: [{ key: address, value: JSON.stringify("another") }] });
    return await commit(transaction);
  };
  const { addresses } = await all.publish();
  assert.deepEqual(all.bridge.calls, ["join", "leave", "join"]);
  assert.notEqual(addresses[0], "10.99.0.2/24");
});
