import assert from "node:assert/strict";
import { z } from "@hono/zod-openapi";
import { id, list, strings } from "./fields.ts";

Deno.test("an id has 64 digits, in small letters", () => {
  assert.ok(id.safeParse("a".repeat(64)).success);
  for (const bad of ["", "a".repeat(63), "A".repeat(64), `${"a".repeat(64)}\n`, "g".repeat(64)]) {
    assert.ok(!id.safeParse(bad).success, bad);
  }
});

Deno.test("names and values are bounded, each and in lists", () => {
  assert.ok(strings.safeParse({ a: "x".repeat(4096) }).success);
  assert.ok(!strings.safeParse({ a: "x".repeat(4097) }).success);
  assert.ok(!strings.safeParse({ ["a".repeat(256)]: "x" }).success);
  assert.ok(!list(z.string()).safeParse(Array(257).fill("")).success);
});
