import assert from "node:assert/strict";
import { controllerSubject } from "../../../tests/harness/controllers.ts";

Deno.test("a service has its own address and MAC, and none that another has", async () => {
  await using all = await controllerSubject();
  await all.networks.create({ name: "front" });
  const made = await Promise.all(
    Array.from({ length: 20 }, (_, i) => all.services.publish({ name: `s${i}`, network: "front" })),
  );
  assert.equal(new Set(made.flatMap(({ addresses }) => addresses)).size, 20);
  assert.equal(new Set(made.map(({ mac }) => mac)).size, 20);
  assert.deepEqual(all.order, []);
});

Deno.test("a name, an address and a MAC are given once", async () => {
  await using all = await controllerSubject();
  await all.networks.create({ name: "front" });
  const ips = ["10.99.0.77"];
  const mac = "02:00:00:00:00:77";
  await all.services.publish({ name: "web", network: "front", ips, mac });
  await assert.rejects(all.services.publish({ name: "WEB", network: "front" }), { code: "exists" });
  await assert.rejects(all.services.publish({ name: "b", network: "front", ips }), {
    code: "exists",
  });
  await assert.rejects(all.services.publish({ name: "c", network: "front", mac }), {
    code: "exists",
  });
  assert.deepEqual((await all.services.list()).map(({ name }) => name), ["web"]);
});

Deno.test("an address outside of the network is refused by name", async () => {
  await using all = await controllerSubject();
  await all.networks.create({ name: "front" });
  await assert.rejects(
    all.services.publish({ name: "web", network: "front", ips: ["192.0.2.1"] }),
    { code: "invalid", message: /192\.0\.2\.1/ },
  );
});
