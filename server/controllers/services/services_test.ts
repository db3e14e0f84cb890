import assert from "node:assert/strict";
import { controllerSubject } from "../../../tests/harness/controllers.ts";

async function subject() {
  const all = await controllerSubject();
  await all.networks.create({ name: "front" });
  return all;
}

Deno.test("services at once get an address each, and a name gets its own again", async () => {
  await using all = await subject();
  const names = Array.from({ length: 8 }, (_, i) => `s${i}`);
  const published = await Promise.all(
    names.map((name) => all.services.publish({ name, network: "front" })),
  );
  const addresses = published.flatMap((service) => service.addresses);
  assert.equal(new Set(addresses).size, 8);
  await all.services.unpublish(published[3]!.id);
  await all.services.publish({ name: "other", network: "front" });
  const again = await all.services.publish({ name: "S3", network: "front" });
  assert.deepEqual([again.addresses, again.mac], [published[3]!.addresses, published[3]!.mac]);
  assert.deepEqual(all.order, []);
});

Deno.test("a name is given once, in any case", async () => {
  await using all = await subject();
  const made = await Promise.allSettled(
    ["web", "Web", "WEB"].map((name) => all.services.publish({ name, network: "front" })),
  );
  assert.deepEqual(made.map(({ status }) => status).sort(), ["fulfilled", "rejected", "rejected"]);
  for (const result of made) {
    if (result.status === "rejected") assert.equal(result.reason.code, "exists");
  }
});

Deno.test("a service that has another name is found by that alone", async () => {
  await using all = await subject();
  const { id, addresses } = await all.services.publish({ name: "web", network: "front" });
  await all.services.publish({ name: "db", network: "front" });
  await assert.rejects(all.services.amend(id, { name: "DB" }), { code: "exists" });
  await all.services.amend(id, { name: "www", aliases: ["site"] });
  const found = await all.services.info("www.front");
  assert.deepEqual([found.id, found.addresses, found.aliases], [id, addresses, ["site"]]);
  await assert.rejects(all.services.find("web.front"), { code: "not_found" });
  assert.deepEqual((await all.services.list()).map(({ name }) => name).sort(), ["db", "www"]);
  assert.deepEqual([...(await all.services.counts()).values()], [2]);
});

Deno.test("what a user wants is given, or refused", async () => {
  await using all = await subject();
  const wanted = { name: "web", network: "front", ips: ["10.99.0.77"], mac: "02-00-00-00-00-07" };
  const { addresses, mac } = await all.services.publish(wanted);
  assert.deepEqual([addresses, mac], [["10.99.0.77/24"], "02:00:00:00:00:07"]);
  await assert.rejects(all.services.publish({ ...wanted, name: "db" }), { code: "exists" });
  await assert.rejects(
    all.services.publish({ name: "db", network: "front", ips: ["192.0.2.1"] }),
    { code: "invalid", message: /outside/ },
  );
});
