import assert from "node:assert/strict";
import { containerSubject } from "../../../tests/harness/containers.ts";

const found = { id: "a", name: "db", runtime: "docker", running: { namespace: "/nowhere/ns" } };

Deno.test("netsvc's own containers go before an engine's, which are adopted", async () => {
  await using subject = await containerSubject();
  const { adopted: { resolver }, containers, engines } = subject;
  const { id } = await containers.create({ name: "db", network: "bridge" });
  engines.set("db", found).set("docker:db", found);
  assert.equal((await resolver.find("db")).id, id);
  assert.equal((await resolver.find("docker:db")).id, "a");
  assert.equal(containers.store.get("a")?.kind, "adopted");
  await assert.rejects(resolver.find("nobody"), { code: "not_found" });
  await assert.rejects(resolver.foreign("nobody"), /neither of Docker nor of Podman/);
});

Deno.test("one that was adopted for nothing is released", async () => {
  await using subject = await containerSubject();
  const { adopted: { resolver }, containers, engines } = subject;
  engines.set("db", found);
  const action = () => Promise.reject(new Error("not now"));
  await assert.rejects(resolver.using("db", action), /not now/);
  assert.equal(containers.store.get("a"), undefined);
});
