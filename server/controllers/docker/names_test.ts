import assert from "node:assert/strict";
import { serviceName } from "./names.ts";

Deno.test("serviceName() is a name that DNS has", () => {
  const id = "0123456789abcdef".repeat(4);
  assert.equal(serviceName("web.1", id), "web-1");
  assert.equal(serviceName("_x", id), "_x");
  assert.equal(serviceName("a".repeat(80), id).length, 63);
  assert.equal(serviceName("", id), "0123456789ab");
});
