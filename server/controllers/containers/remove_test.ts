import assert from "node:assert/strict";
import { identify } from "../../../lib/linux/processes/process_table.ts";
import { containerSubject } from "../../../tests/harness/containers.ts";

Deno.test("a running container is removed by force alone; one that has ended, at once", async () => {
  await using subject = await containerSubject();
  const { containers, context: { state } } = subject;
  const { id } = await containers.create({ name: "web", network: "bridge" });
  await containers.reaper.started(id, identify(Deno.pid)!);
  const own = containers.store.own(id);
  await assert.rejects(containers.removal.remove(own, false), { code: "in_use" });
  assert.equal(state.services.size, 1);
  // Nothing of it lives, as far as its sandbox knows: nothing is killed.
  assert.deepEqual(await containers.removal.remove(own, true), { name: "web", cut: [] });
  assert.deepEqual([state.containers.size, state.services.size], [0, 0]);
  assert.deepEqual(await containers.removal.remove(own, true), { name: "web", cut: [] });
});

Deno.test("those that share its sandbox keep it, and go with it by force", async () => {
  await using subject = await containerSubject();
  const { containers } = subject;
  const { id } = await containers.create({ name: "web", network: "bridge" });
  await containers.create({ name: "side", network: "container:web" });
  const own = containers.store.own(id);
  await assert.rejects(containers.removal.remove(own, false), /shared by 1 container: side/);
  const { cut } = await containers.removal.remove(own, true);
  assert.deepEqual(cut, ["container side"]);
  assert.deepEqual(containers.list(), []);
});

Deno.test("what a removal cuts off is told", async () => {
  await using subject = await containerSubject();
  const { containers, services } = subject;
  await services.publish({ name: "api", network: "bridge" });
  const { id } = await containers.create({ name: "web", publishServices: ["api.bridge"] });
  const { cut } = await containers.removal.remove(containers.store.own(id), true);
  assert.deepEqual(cut, ["the backend of service api.bridge"]);
  assert.equal((await services.list()).length, 1);
});
