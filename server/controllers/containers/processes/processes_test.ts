import assert from "node:assert/strict";
import { containerSubject, ENDED } from "../../../../tests/harness/containers.ts";
import { Processes } from "./processes.ts";

const process = { command: ["true"] };

/** Processes whose sandboxes know what a test says. */
async function subject() {
  const all = await containerSubject();
  const { containers, context, exitCodes, running } = all;
  const sandboxes = {
    processes: {
      running: ({ id }: { id: string }) => running.get(id),
      exitCode: (id: string) => exitCodes.get(id),
    },
    launches: { planProcess: () => Promise.resolve("a plan") },
  } as never;
  const logs = { has: () => false } as never;
  return { ...all, processes: new Processes(context, { containers, sandboxes, logs }) };
}

Deno.test("what a client reports of a process it started ends in the container's exit", async () => {
  await using all = await subject();
  const { processes, containers } = all;
  const { id } = await containers.create({ name: "web", network: "bridge", process });
  assert.deepEqual(await processes.launch("web", {}), { start: "a plan" });
  const waiting = processes.wait("web");
  await processes.exited("web", 7);
  assert.deepEqual(await waiting, { done: true, exitCode: 7 });
  assert.equal(containers.info(id).exitCode, 7);
  assert.deepEqual(await processes.wait("web"), { done: true, exitCode: 7 });
});

Deno.test("a stop leaves a container at rest, whatever its policy", async () => {
  await using all = await subject();
  const { processes, containers, containers: { reaper } } = all;
  const request = { name: "web", network: "bridge", process, restart: "always" };
  const { id } = await containers.create(request);
  await reaper.started(id, ENDED);
  assert.equal((await processes.start("web")).state, "running", "it runs already");
  const { state } = await processes.stop("web", { timeout: 0 });
  assert.equal(state, "exited");
  assert.equal(containers.store.own(id).stopped, true);
});

Deno.test("what never had a process is neither waited for, nor stopped, nor read", async () => {
  await using all = await subject();
  const { processes, containers } = all;
  await containers.create({ name: "bare", network: "bridge" });
  await assert.rejects(processes.wait("bare"), /made without a command/);
  await assert.rejects(processes.stop("bare"), /made without a command/);
  await assert.rejects(processes.start("bare"), /made without a command/);
  assert.throws(() => processes.log("bare", { follow: false }), /has no output/);
  await assert.rejects(processes.exec("bare", { command: ["a"], workdir: "x" }), /absolute path/);
});
