import assert from "node:assert/strict";
import { TestNamespace } from "../../../tests/harness/host.ts";
import { lookInside } from "./namespace_facts.ts";

Deno.test("lookInside() shows links and whether there is a way out", async () => {
  await using namespace = await TestNamespace.create("l");
  assert.deepEqual(lookInside(namespace.path), { links: ["lo"], hasRoute: false });
  await namespace.ip(
    "link add br.one type bridge",
    "addr add 10.9.0.1/24 dev br.one",
    "link set br.one up",
  );
  assert.deepEqual(lookInside(namespace.path), { links: ["lo", "br.one"], hasRoute: false });
  await namespace.ip("route add default via 10.9.0.2");
  assert.deepEqual(lookInside(namespace.path), { links: ["lo", "br.one"], hasRoute: true });
});
