import assert from "node:assert/strict";
import { controllerSubject } from "../../../tests/harness/controllers.ts";

Deno.test("a service is shown with its network's name, and without a backend until it has one", async () => {
  await using all = await controllerSubject();
  const { id } = await all.networks.create({ name: "front" });
  await all.services.publish({ name: "web", network: "front" });
  const shown = await all.services.info("web.front");
  assert.deepEqual(shown.network, { id, name: "front", scope: "local" });
  assert.equal("backend" in shown, false);
  const box = "c".repeat(64);
  await all.container(box);
  await all.context.locks.container(
    box,
    (held) => all.attachments.attach(held, shown.id),
  );
  const { backend } = await all.services.info("web.front");
  assert.equal(backend!.container.id, box);
  assert.equal(backend!.host, "one");
});

Deno.test("a service is found by its name on a network, or by its id wherever it is", async () => {
  await using all = await controllerSubject();
  await all.networks.ensurePredefined({ driver: "bridge", network: "bridge" });
  await all.networks.create({ name: "front" });
  const { id } = await all.services.publish({ name: "web", network: "front" });
  for (const reference of ["web.front", "Web.Front", id, id.slice(0, 12)]) {
    assert.equal((await all.services.find(reference)).record.id, id, reference);
  }
  await assert.rejects(all.services.find("web.back"), { code: "not_found" });
});
