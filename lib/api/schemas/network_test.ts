import assert from "node:assert/strict";
import { CreateNetwork } from "./network.ts";

Deno.test("a network needs a name, and nothing else", () => {
  assert.ok(CreateNetwork.safeParse({ name: "n" }).success);
  assert.ok(!CreateNetwork.safeParse({}).success);
  assert.ok(!CreateNetwork.safeParse({ name: 1 }).success);
});

Deno.test("unknown fields, of a prototype's names, too, are refused", () => {
  for (const field of ["subnet", "constructor", "toString"]) {
    assert.ok(!CreateNetwork.safeParse({ name: "n", [field]: "x" }).success, field);
  }
  const parsed = CreateNetwork.safeParse(
    JSON.parse(`{"name": "n", "__proto__": {"internal": true}}`),
  );
  assert.notEqual(parsed.data?.internal, true);
});

Deno.test("true is true: no text and no number stands for it", () => {
  for (const internal of ["true", 1, null]) {
    assert.ok(!CreateNetwork.safeParse({ name: "n", internal }).success);
  }
});
