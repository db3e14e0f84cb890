import assert from "node:assert/strict";
import { sourceTo } from "./source_address.ts";

// The library stays loaded.
const options = { sanitizeResources: false };

Deno.test("the source of packets is what the routes say", options, () => {
  assert.equal(sourceTo("127.0.0.1", 9), "7f000001");
  assert.equal(sourceTo("127.9.9.9", 9), "7f000001");
  assert.equal(sourceTo("::1", 9), `${"0".repeat(31)}1`);
  assert.equal(sourceTo("nowhere", 9), undefined);
});
