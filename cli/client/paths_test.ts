import assert from "node:assert/strict";
import { encodeRef } from "./paths.ts";

Deno.test("a reference names one segment, whatever is in it", () => {
  assert.equal(encodeRef("a/../b"), "a%2F..%2Fb");
  assert.equal(encodeRef("docker:web"), "docker%3Aweb");
  assert.equal(encodeRef("a?b#c"), "a%3Fb%23c");
  for (const none of ["", ".", ".."]) assert.throws(() => encodeRef(none), { code: "invalid" });
});
