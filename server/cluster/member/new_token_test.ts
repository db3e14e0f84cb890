import assert from "node:assert/strict";
import { capTerms } from "./new_token.ts";

Deno.test("a host without a vote makes no token that lasts long, or is for many", () => {
  capTerms({ ttl: 86_400_000, uses: 100 });
  assert.throws(() => capTerms({ ttl: 86_460_000, uses: 1 }), {
    code: "invalid",
    message: /--ttl 1441m.*24h at most; make it on a voter/,
  });
  assert.throws(() => capTerms({ ttl: 60_000, uses: 101 }), {
    code: "invalid",
    message: /--uses 101.*100 hosts at most; make it on a voter/,
  });
});
