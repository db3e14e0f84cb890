import assert from "node:assert/strict";
import { containerSubject } from "../../../tests/harness/containers.ts";

Deno.test("containers are listed by creation, and shown by name, id or its beginning", async () => {
  await using subject = await containerSubject();
  const { containers } = subject;
  const web = await containers.create({ name: "web", network: "bridge" });
  await containers.create({ name: "db" });
  assert.deepEqual(containers.list().map(({ name }) => name), ["web", "db"]);
  for (const reference of ["web", web.id, web.id.slice(0, 12)]) {
    assert.deepEqual(containers.info(reference), web);
  }
  const { runtime, state, sandbox, networkMode } = web;
  assert.deepEqual(
    [runtime, state, sandbox, networkMode],
    ["netsvc", "created", `/nowhere/${web.id}`, "networks"],
  );
  assert.throws(() => containers.info("nobody"), { code: "not_found" });
});
