import assert from "node:assert/strict";
import { containerSubject, ENDED } from "../../../tests/harness/containers.ts";

const process = { command: ["true"] };

Deno.test("a container that has ended is detached and closed, and keeps its exit code", async () => {
  await using subject = await containerSubject();
  const { containers, services, context: { state } } = subject;
  await services.publish({ name: "api", network: "bridge" });
  const { id } = await containers.create({ name: "web", network: "bridge", process });
  await containers.reaper.reap(id);
  assert.equal(containers.info(id).state, "created", "one that was never started is left alone");
  subject.running.set(id, ENDED);
  await containers.reaper.started(id, ENDED);
  await containers.reaper.reap(id);
  assert.equal(containers.info(id).state, "running", "one that lives is left alone");
  subject.running.delete(id);
  subject.exitCodes.set(id, 3);
  subject.ends.get(ENDED.pid)!();
  await containers.reaper.reap(id);
  const { state: now, exitCode } = containers.info(id);
  assert.deepEqual([now, exitCode, subject.calls.at(-1)], ["exited", 3, "close"]);
  assert.deepEqual([...state.services.values()].map(({ record }) => record.name), ["api"]);
  assert.deepEqual([subject.ports.size, subject.order.length], [0, 0]);
});

Deno.test("with --rm, or when it never ran and its sandbox is gone, nothing stays", async () => {
  await using subject = await containerSubject();
  const { containers } = subject;
  const request = { name: "web", network: "bridge", process, autoRemove: true };
  const { id } = await containers.create(request);
  await containers.reaper.started(id, ENDED);
  await containers.reaper.reap(id, 0);
  assert.equal(containers.store.get(id), undefined);
  const bare = await containers.create({ name: "bare", network: "bridge" });
  subject.namespaces.delete(bare.id);
  await containers.reaper.reap(bare.id);
  assert.equal(containers.store.get(bare.id), undefined);
});

Deno.test("its end is seen only after its start, and where it was attached is noted", async () => {
  await using subject = await containerSubject();
  const { containers, services } = subject;
  await services.publish({ name: "api", network: "bridge" });
  const { id } = await containers.create({ name: "web", publishServices: ["api.bridge"], process });
  const { promise, resolve } = Promise.withResolvers<void>();
  const starting = containers.reaper.starting(id, async () => {
    await containers.reaper.started(id, ENDED);
    subject.ends.get(ENDED.pid)!();
    await promise;
    assert.equal(containers.info(id).state, "running");
  });
  resolve();
  await starting;
  await containers.reaper.reap(id);
  const { rejoin } = containers.store.own(id);
  assert.deepEqual(rejoin?.map(({ name }) => name), ["api"]);
});
