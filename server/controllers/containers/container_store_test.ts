import assert from "node:assert/strict";
import { containerSubject, ENDED } from "../../../tests/harness/containers.ts";

Deno.test("records are changed as what they are, and refused as another kind", async () => {
  await using subject = await containerSubject();
  const { adopted: { adopter }, containers: { store }, containers } = subject;
  const running = { namespace: "/nowhere/ns", process: ENDED };
  await adopter.adopt({ id: "a".repeat(64), name: "db", runtime: "docker", running });
  await adopter.adopt({ id: "b".repeat(64), name: "x", runtime: "netns", running });
  const { id } = await containers.create({ name: "web" });
  await store.changeOwn(id, (container) => ({ ...container, restarts: 2 }));
  assert.equal(store.own(id).restarts, 2);
  assert.throws(() => store.adopted(id), { code: "not_found" });
  await assert.rejects(store.changeOwn("a".repeat(64), (own) => own), { code: "not_found" });
  assert.throws(() => store.findOwn("db"), /isn't netsvc's; use the command "docker"/);
  assert.throws(() => store.findOwn("x"), /and so aren't its processes/);
  assert.equal(store.findOwn("web").id, id);
});

Deno.test("names are one container's in any case, but for those of engines", async () => {
  await using subject = await containerSubject();
  const { adopted: { adopter }, containers: { store }, containers } = subject;
  const running = { namespace: "/nowhere/ns", process: ENDED };
  await adopter.adopt({ id: "a", name: "web", runtime: "docker", running });
  await containers.create({ name: "web2" });
  assert.throws(() => store.checkName("WEB2"), /already exists as "web2"/);
  store.checkName("WEB2", containers.info("web2").id);
  await store.remove(containers.info("web2").id);
  store.checkName("web2");
  await store.remove("gone");
});
