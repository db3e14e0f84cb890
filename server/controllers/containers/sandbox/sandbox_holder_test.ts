import assert from "node:assert/strict";
import { containerSubject, ENDED } from "../../../../tests/harness/containers.ts";

Deno.test("names aren't served again in a sandbox that is being closed", async () => {
  await using subject = await containerSubject();
  const { adopted: { adopter }, containers: { holder } } = subject;
  const running = { namespace: "/nowhere/ns", process: ENDED };
  await adopter.adopt({ id: "a", runtime: "docker", running });
  const closing = Promise.withResolvers<void>();
  subject.on = (call) => call === "forget" ? closing.promise : undefined;
  const forgotten = holder.forget("a");
  while (!subject.calls.includes("forget")) await new Promise((resolve) => setTimeout(resolve));
  await assert.rejects(holder.equip("a"), { code: "not_found" });
  closing.resolve();
  await forgotten;
  await assert.rejects(holder.equip("a"), { code: "not_found" });
  await holder.forget("a");
});

Deno.test("a sandbox that can't be opened again leaves no port held", async () => {
  await using subject = await containerSubject();
  const { containers, containers: { holder } } = subject;
  const ports = [{ hostPort: 80, containerPort: 80, protocol: "tcp" as const }];
  const { id } = await containers.create({ name: "web", network: "bridge", ports });
  await holder.exit(id, 2);
  assert.deepEqual([subject.ports.size, containers.info(id).exitCode], [0, 2]);
  subject.on = (call) => {
    if (call === "reopen") throw new Error("no sandbox");
  };
  await assert.rejects(holder.reopen(id, (container) => container), /no sandbox/);
  assert.equal(subject.ports.size, 0);
});
