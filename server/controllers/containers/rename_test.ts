import assert from "node:assert/strict";
import { containerSubject } from "../../../tests/harness/containers.ts";

Deno.test("a container is renamed with the service that it is by itself, and no other", async () => {
  await using subject = await containerSubject();
  const { containers } = subject;
  const request = { name: "web", network: "bridge", publishServices: ["api.bridge"] };
  const { id } = await containers.create(request);
  const { name, services } = await containers.rename("web", "front");
  assert.equal(name, "front");
  assert.deepEqual(services.map((service) => service.name).sort(), ["api", "front"]);
  await containers.create({ name: "web", network: "bridge" });
  assert.equal(containers.info("front").id, id);
});

Deno.test("nothing is renamed where the service's or the container's name is another's", async () => {
  await using subject = await containerSubject();
  const { containers, services } = subject;
  await containers.create({ name: "web", network: "bridge" });
  await services.publish({ name: "front", network: "bridge" });
  await containers.create({ name: "db", network: "bridge" });
  await assert.rejects(containers.rename("web", "front"), { code: "exists" });
  await assert.rejects(containers.rename("web", "DB"), { code: "exists" });
  const { name, services: own } = containers.info("web");
  assert.deepEqual([name, own.map((service) => service.name)], ["web", ["web"]]);
});
