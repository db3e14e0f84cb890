import assert from "node:assert/strict";
import { controllerSubject } from "../../../tests/harness/controllers.ts";
import { networkRecords } from "./networks.ts";
import { networkMembers, removeRemains } from "./remains.ts";
import { serviceRecords } from "./services.ts";

Deno.test("what is left of an empty network goes; the endpoint of a service that has just come stays", async () => {
  await using all = await controllerSubject();
  const { id } = await all.networks.create({ name: "front" });
  const mirror = all.context.state.mirrorOf({ scope: "local" });
  const { store } = mirror;
  // Whoever removes the network has seen that it has no services, and now one is published.
  const stored = (await networkRecords.get(store, id))!;
  const members = await networkMembers(store, id);
  const service = await all.services.publish({ name: "web", network: "front" });
  const remains = await removeRemains(store, { stored, members });
  for (const transaction of remains) {
    assert.equal((await mirror.commit(transaction)).ok, false);
  }
  assert.ok(remains.length > 0);
  const after = (await serviceRecords.get(store, id, service.id))!;
  assert.deepEqual(after.record.addresses, service.addresses);
  // It ends with all that is its own.
  await all.attachments.end(undefined, service.id);
  await all.networks.remove("front");
  const left = (await store.list("")).map(({ key }) => key).filter((key) => key.includes(id));
  assert.deepEqual(left, []);
});
