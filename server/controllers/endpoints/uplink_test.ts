import assert from "node:assert/strict";
import { controllerSubject } from "../../../tests/harness/controllers.ts";

const BOX = "c".repeat(64);

Deno.test("a container whose network leads nowhere gets an uplink, and loses it with the last of them", async () => {
  await using all = await controllerSubject();
  await all.container(BOX);
  all.bridge.decides = undefined;
  const { id } = await all.networks.create({ name: "front", driver: "plugin" });
  const { id: service } = await all.services.publish({ name: "web", network: id });
  const joined = { addresses: [], mac: "02:00:00:00:00:01", wayOut: "leg" as const };
  all.plugin.decides = joined;
  await all.context.locks.container(
    BOX,
    (held) => all.attachments.attach(held, service),
  );
  const uplinks = () => all.context.state.servicesBackedBy(BOX).filter(({ record }) => record.leg);
  assert.equal(uplinks().length, 1);
  assert.equal(
    all.context.state.networks.get(uplinks()[0]!.record.network)!.record.role,
    "gateway",
  );
  await all.context.locks.container(BOX, (held) => all.attachments.detach(held, service));
  assert.deepEqual(uplinks(), []);
  assert.deepEqual(all.order, []);
});

Deno.test("a container whose network leads out itself gets none", async () => {
  await using all = await controllerSubject();
  await all.container(BOX);
  await all.networks.create({ name: "front" });
  const { id: service } = await all.services.publish({ name: "web", network: "front" });
  await all.context.locks.container(
    BOX,
    (held) => all.attachments.attach(held, service),
  );
  assert.deepEqual(all.context.state.servicesBackedBy(BOX).filter(({ record }) => record.leg), []);
});
