import assert from "node:assert/strict";
import { backoff } from "./backoff.ts";

Deno.test("backoff() doubles up to its limit, and by chance gives at least half", () => {
  for (const [failures, whole] of [[1, 50], [2, 100], [5, 800], [6, 1000], [10_000, 1000]]) {
    for (let i = 0; i < 100; i++) {
      const pause = backoff(failures!, { longest: 1000 });
      assert.ok(pause >= whole! / 2 && pause <= whole!, `${failures}: ${pause}`);
    }
  }
});

Deno.test("backoff() begins where it is told to, but not beyond its limit", () => {
  assert.ok(backoff(1, { first: 8, longest: 1000 }) <= 8);
  assert.ok(backoff(1, { first: 5000, longest: 10 }) <= 10);
});
