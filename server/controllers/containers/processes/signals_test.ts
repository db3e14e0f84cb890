import assert from "node:assert/strict";
import { containerSubject, ENDED } from "../../../../tests/harness/containers.ts";
import { Signals } from "./signals.ts";

Deno.test("a signal needs a command that runs; SIGKILL of one with a policy is a stop", async () => {
  await using subject = await containerSubject();
  const { containers, running } = subject;
  const process = { command: ["true"] };
  const request = { name: "web", network: "bridge", process, restart: "always" };
  const { id } = await containers.create(request);
  const processes = { running: () => running.get(id), exitCode: () => undefined };
  const signals = new Signals(containers.store, { processes } as never);
  await assert.rejects(signals.kill("web", { signal: "SIGKILL" }), /isn't running/);
  assert.equal(containers.store.own(id).stopped, undefined);
  running.set(id, ENDED);
  await assert.rejects(signals.kill("web", { signal: "HUP" }), /doesn't run \(yet\)/);
  assert.equal(containers.store.own(id).stopped, undefined);
  await assert.rejects(signals.kill("web", { signal: "KILL" }), /doesn't run \(yet\)/);
  assert.equal(containers.store.own(id).stopped, true);
  await assert.rejects(signals.kill("web", { signal: "TERM", pid: 1 }), /No process of this/);
});
