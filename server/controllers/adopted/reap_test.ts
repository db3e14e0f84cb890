import assert from "node:assert/strict";
import { containerSubject, ENDED } from "../../../tests/harness/containers.ts";
import { Desired } from "./desired.ts";

const found = {
  id: "a",
  name: "db",
  runtime: "docker",
  running: { namespace: "/nowhere/ns", process: ENDED },
};

Deno.test("one whose process lives is left alone; one that has ended goes", async () => {
  await using subject = await containerSubject();
  const { adopted: { adopter, reaper }, containers } = subject;
  await adopter.adopt(found);
  subject.running.set("a", ENDED);
  await reaper.reap("a");
  assert.equal(containers.store.adopted("a").state, "running");
  subject.running.delete("a");
  await reaper.reap("a");
  assert.equal(containers.store.get("a"), undefined);
  await reaper.reap("a");
});

Deno.test("one that follows a service stays known, without a sandbox", async () => {
  await using subject = await containerSubject();
  const { adopted: { adopter, reaper }, containers, context: { state } } = subject;
  await adopter.adopt(found);
  const desired = new Desired(state.local);
  await desired.follow("a", { service: "s", network: "n", name: "net", links: [] });
  await reaper.reap("a");
  const { state: now, running } = containers.store.adopted("a");
  assert.deepEqual([now, running, subject.calls.at(-1)], ["exited", undefined, "close"]);
  await adopter.adopt(found);
  assert.equal(containers.store.adopted("a").state, "running");
});
