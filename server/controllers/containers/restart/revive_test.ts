import assert from "node:assert/strict";
import { containerSubject, ENDED } from "../../../../tests/harness/containers.ts";

const process = { command: ["true"] };
const port = { hostPort: 8080, containerPort: 80, protocol: "tcp" as const };

/** A container that has exited, and backed a service besides its own. */
async function exited() {
  const subject = await containerSubject();
  const { containers, services } = subject;
  await services.publish({ name: "api", network: "bridge" });
  const request = {
    name: "web",
    network: "bridge",
    publishServices: ["api.bridge"],
    ports: [port],
    process,
  };
  const { id } = await containers.create(request);
  await containers.reaper.started(id, ENDED);
  await containers.reaper.reap(id, 1);
  return { subject, id };
}

Deno.test("one that has exited gets its sandbox, its ports and all its services again", async () => {
  const { subject, id } = await exited();
  await using _ = subject;
  const { containers } = subject;
  await containers.revival.revive(id, true);
  const { state, services, restarts, exitCode } = { ...containers.info(id), restarts: 0 };
  assert.deepEqual([state, exitCode, restarts], ["created", undefined, 0]);
  assert.deepEqual(services.map(({ name }) => name).sort(), ["api", "web"]);
  assert.equal(containers.store.own(id).restarts, 1);
  assert.deepEqual([...subject.ports.keys()], [id]);
  const calls = subject.calls.length;
  await containers.revival.revive(id, true);
  assert.equal(subject.calls.length, calls, "one that hasn't exited is left alone");
});

Deno.test("one whose port another has by now stays as it was", async () => {
  const { subject, id } = await exited();
  await using _ = subject;
  const { containers } = subject;
  await containers.create({ name: "other", network: "bridge", ports: [port] });
  await assert.rejects(containers.revival.revive(id, false), /published by container "other"/);
  const { state, exitCode } = containers.info(id);
  assert.deepEqual([state, exitCode], ["exited", 1]);
});

Deno.test("one that can't be attached is at rest again; a service that is another's is no reason", async () => {
  const { subject, id } = await exited();
  await using _ = subject;
  const { containers } = subject;
  subject.bridge.on = (call) => {
    if (call === "join") throw new Error("no join");
  };
  await assert.rejects(containers.revival.revive(id, false), /no join/);
  assert.deepEqual([containers.info(id).state, subject.calls.at(-1)], ["exited", "close"]);
  subject.bridge.on = () => {};
  await containers.create({ name: "other", publishServices: ["api.bridge"] });
  await containers.revival.revive(id, false);
  assert.deepEqual(containers.info(id).services.map(({ name }) => name), ["web"]);
});
