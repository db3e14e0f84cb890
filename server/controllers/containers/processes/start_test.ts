import assert from "node:assert/strict";
import { containerSubject, ENDED } from "../../../../tests/harness/containers.ts";
import { Starter } from "./start.ts";

Deno.test("a start in the foreground is refused to what the daemon starts, or what was started", async () => {
  await using subject = await containerSubject();
  const { containers, running } = subject;
  const process = { command: ["true"] };
  const sandboxes = {
    processes: { running: ({ id }: { id: string }) => running.get(id) },
    launches: { planProcess: () => Promise.resolve("a plan") },
  };
  const starter = new Starter({ containers, sandboxes, logs: {} } as never);
  await containers.create({ name: "always", network: "bridge", process, restart: "always" });
  await assert.rejects(starter.launch("always", {}), /has a restart policy/);
  const { id } = await containers.create({ name: "web", network: "bridge", process });
  running.set(id, ENDED);
  await assert.rejects(starter.launch("web", {}), { code: "in_use" });
  running.delete(id);
  assert.deepEqual(await starter.launch("web", {}), { start: "a plan" });
});
