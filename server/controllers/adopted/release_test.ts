import assert from "node:assert/strict";
import { containerSubject } from "../../../tests/harness/containers.ts";

const found = { id: "a", name: "db", runtime: "docker", running: { namespace: "/nowhere/ns" } };

/** An adopted container that backs a service. */
async function attached() {
  const subject = await containerSubject();
  const { adopted: { adopter }, attachments, context, services } = subject;
  await services.publish({ name: "api", network: "bridge" });
  await adopter.adopt(found);
  const id = [...context.state.services.keys()][0]!;
  await context.locks.container("a", (held) => attachments.attach(held, id));
  return { subject, service: id };
}

Deno.test("a container is released when it backs nothing any more, and not before", async () => {
  const { subject, service } = await attached();
  await using _ = subject;
  const { adopted: { release }, attachments, containers, context } = subject;
  await release.ifIdle("a");
  assert.ok(containers.store.get("a"));
  await context.locks.container("a", (held) => attachments.detach(held, service, { force: true }));
  await release.ifIdle("a");
  assert.equal(containers.store.get("a"), undefined);
  assert.equal(subject.calls.at(-1), "forget");
  await release.ifIdle("a");
});

Deno.test("a user releases one that backs services by force, and is told what is cut", async () => {
  const { subject } = await attached();
  await using _ = subject;
  const { adopted: { release }, containers } = subject;
  const container = containers.store.adopted("a");
  await assert.rejects(release.remove(container, false), /it backs 1 service: api/);
  const cut = ["the backend of service api.bridge"];
  assert.deepEqual(await release.remove(container, true), { name: "db", cut });
  assert.deepEqual(await release.remove(container, true), { name: "db", cut: [] });
});

Deno.test("one that its engine has removed is detached and forgotten", async () => {
  const { subject, service } = await attached();
  await using _ = subject;
  await subject.adopted.release.forget("a");
  assert.equal(subject.containers.store.get("a"), undefined);
  assert.equal(subject.context.state.services.get(service)?.record.backend, undefined);
});
