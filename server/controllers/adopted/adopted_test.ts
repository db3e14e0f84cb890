import assert from "node:assert/strict";
import { containerSubject } from "../../../tests/harness/containers.ts";

Deno.test("an adopted container is an engine's again when it is released", async () => {
  await using subject = await containerSubject();
  const { adopted, containers, engines } = subject;
  const running = { namespace: "/nowhere/ns" };
  engines.set("db", { id: "a", name: "db", runtime: "podman", running });
  const { id } = await adopted.resolver.find("db");
  const { runtime, networkMode, autoRemove } = containers.info("db");
  assert.deepEqual([runtime, networkMode, autoRemove], ["podman", "networks", true]);
  await adopted.release.ifIdle(id);
  assert.deepEqual(containers.list(), []);
});
