import assert from "node:assert/strict";
import { controllerSubject } from "../../tests/harness/controllers.ts";
import { findContainer, findNamed, findNetwork, findService, tryFindNetwork } from "./lookup.ts";

const A = "ab12".padEnd(64, "0");
const B = "ab12".padEnd(64, "1");

Deno.test("an id goes before a name, a name before the beginning of an id", async () => {
  await using all = await controllerSubject();
  const { state } = all.context;
  for (const id of [A, B]) await all.container(id);
  assert.equal(findContainer(state, A).record.id, A);
  assert.equal(findContainer(state, "ab12".padEnd(40, "1")).record.id, B);
  assert.throws(() => findContainer(state, "ab12"), { code: "ambiguous", message: /fits 2/ });
  assert.throws(() => findContainer(state, "ab"), { code: "ambiguous" });
  assert.throws(() => findContainer(state, "name-ab13"), {
    code: "not_found",
    message: /did you mean "name-ab11" or "name-ab00"\?/,
  });
});

Deno.test("a letter or two stand for no id", () => {
  const all = [{ id: A, name: "one" }];
  assert.equal(findNamed("ab12", { what: "host", all })?.name, "one");
  assert.equal(findNamed("one", { what: "host", all })?.id, A);
  assert.throws(() => findNamed("ab", { what: "host", all }), { message: /at least 4 digits/ });
});

Deno.test("a service is looked up on its network, or the default one", async () => {
  await using all = await controllerSubject();
  const { state } = all.context;
  await all.networks.create({ name: "front" });
  await all.networks.create({ name: "back" });
  const { id } = await all.services.publish({ name: "web", network: "front" });
  const on = (defaultNetwork: string) => ({ state, defaultNetwork });
  assert.equal(findService(on("back"), "web.front").record.id, id);
  assert.equal(findService(on("front"), "WEB").record.id, id);
  assert.equal(findService(on("back"), id.slice(0, 20)).record.id, id);
  assert.throws(() => findService(on("back"), "web"), { code: "not_found" });
  assert.equal(findNetwork(state, "Front").record.name, "front");
  assert.equal(tryFindNetwork(state, "none"), undefined);
});
