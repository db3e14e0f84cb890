import assert from "node:assert/strict";
import { controllerSubject } from "../../../tests/harness/controllers.ts";

const A = "a".repeat(64);

Deno.test("a service with a backend isn't unpublished, but by who detaches it in the same change", async () => {
  await using all = await controllerSubject();
  await all.networks.create({ name: "front" });
  await all.container(A);
  const { id } = await all.services.publish({ name: "web", network: "front" });
  await all.context.locks.container(A, (held) => all.attachments.attach(held, id));
  await assert.rejects(all.services.unpublish(id), {
    code: "in_use",
    message: /the container "name-aaaa" backs it; detach it first or use -f/,
  });
  await assert.rejects(all.services.unpublishing.commit(id, "b".repeat(64)), { code: "in_use" });
  await all.services.unpublishing.commit(id, A);
  assert.equal(all.context.state.services.size, 0);
  await assert.rejects(all.services.unpublish(id), { code: "not_found" });
});
