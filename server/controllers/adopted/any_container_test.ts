import assert from "node:assert/strict";
import { containerSubject, ENDED } from "../../../tests/harness/containers.ts";

Deno.test("own and adopted containers are removed, reaped and watched alike", async () => {
  await using subject = await containerSubject();
  const { adopted: { adopter, any }, containers } = subject;
  const running = { namespace: "/nowhere/ns", process: ENDED };
  await adopter.adopt({ id: "a", name: "db", runtime: "docker", running });
  const { id } = await containers.create({ name: "web", network: "bridge" });
  subject.running.set("a", ENDED);
  await any.reap("a");
  await any.reap(id);
  assert.equal(containers.list().length, 2);
  any.watch(containers.store.current("a"), ENDED);
  subject.running.delete("a");
  subject.ends.get(ENDED.pid)!();
  await any.reap("a");
  assert.equal(containers.store.get("a"), undefined);
  assert.deepEqual(await any.remove("web", false), { name: "web", cut: [] });
  await assert.rejects(any.remove("web", false), { code: "not_found" });
});
