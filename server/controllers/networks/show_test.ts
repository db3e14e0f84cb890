import assert from "node:assert/strict";
import { controllerSubject } from "../../../tests/harness/controllers.ts";

Deno.test("networks are listed by creation, with the number of their services", async () => {
  await using all = await controllerSubject();
  for (const name of ["b", "a"]) await all.networks.create({ name });
  await all.services.publish({ name: "web", network: "a" });
  assert.deepEqual(
    (await all.networks.listed()).map(({ name, serviceCount }) => [name, serviceCount]),
    [
      ["b", 0],
      ["a", 1],
    ],
  );
  const detail = await all.networks.info("a");
  assert.deepEqual(detail.services.map(({ name }) => name), ["web"]);
});

Deno.test("a network is found by its name in any case, its id, or the beginning of it", async () => {
  await using all = await controllerSubject();
  const { id } = await all.networks.create({ name: "front" });
  for (const reference of ["front", "FRONT", id, id.slice(0, 6)]) {
    assert.equal((await all.networks.find(reference)).id, id, reference);
  }
  await assert.rejects(all.networks.find("fron"), { code: "not_found" });
});
