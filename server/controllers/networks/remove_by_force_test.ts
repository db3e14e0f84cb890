import assert from "node:assert/strict";
import { controllerSubject } from "../../../tests/harness/controllers.ts";

const unpublish = () => Promise.reject(new Error("nothing of it is on this host"));

Deno.test("who asks for the same removal meanwhile gets the same answer, and hears how far it is", async () => {
  await using all = await controllerSubject();
  await all.networks.create({ name: "front" });
  for (let i = 0; i < 30; i++) await all.services.publish({ name: `s${i}`, network: "front" });
  const told: number[][] = [[], []];
  const both = await Promise.all(
    told.map((mine) =>
      all.networks.remove("front", { unpublish, progress: (done) => mine.push(done) })
    ),
  );
  assert.equal(both[0]!.cut.length, 30);
  assert.deepEqual(both[1], both[0]);
  for (const mine of told) assert.equal(mine.at(-1), 30);
  assert.deepEqual(all.bridge.calls, ["createNetwork", "deleteNetwork"]);
});

Deno.test("what failed half way says how much is done, and goes on from there", async () => {
  await using all = await controllerSubject();
  await all.networks.create({ name: "front" });
  for (let i = 0; i < 30; i++) await all.services.publish({ name: `s${i}`, network: "front" });
  let done = 0;
  const progress = (ended: number) => {
    // The store goes away as soon as some are ended.
    if (ended > 0 && done === 0) {
      done = ended;
      all.store.refuse();
    }
  };
  await assert.rejects(all.networks.remove("front", { unpublish, progress }), (error: Error) => {
    assert.match(
      error.message,
      /^Cannot remove network "front": .*; \d+ of its services are ended already/,
    );
    return true;
  });
  all.store.answer();
  const { cut } = await all.networks.remove("front", { unpublish });
  assert.ok(cut.length < 30, "the others were ended before");
  assert.equal(all.context.state.networkByName("front"), undefined);
});
