import assert from "node:assert/strict";
import { controllerSubject } from "../../../tests/harness/controllers.ts";

Deno.test("an address that was freed goes to nobody else for a while, and back to its name at once", async () => {
  await using all = await controllerSubject();
  await all.networks.create({ name: "front" });
  const first = await all.services.publish({ name: "web", network: "front" });
  await all.attachments.end(undefined, first.id);
  const other = await all.services.publish({ name: "other", network: "front" });
  assert.notDeepEqual(other.addresses, first.addresses);
  const again = await all.services.publish({ name: "web", network: "front" });
  assert.deepEqual(again.addresses, first.addresses);
});

Deno.test("addresses that somebody comes back for are the last that are given", async () => {
  await using all = await controllerSubject();
  await all.networks.create({ name: "front" });
  all.services.reserved.push(() => ["10.99.0.2", "10.99.0.3"]);
  const { addresses } = await all.services.publish({ name: "web", network: "front" });
  assert.equal(["10.99.0.2/24", "10.99.0.3/24"].includes(addresses[0]!), false);
});
