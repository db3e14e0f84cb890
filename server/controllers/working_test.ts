import assert from "node:assert/strict";
import { Working } from "./working.ts";

Deno.test("An object is worked on until the last has ended, well or not", async () => {
  const working = new Working();
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const both = [
    working.during("a", () => first.promise),
    working.during("a", () => second.promise),
  ];
  assert.ok(working.has("a"));
  assert.ok(!working.has("b"));
  first.reject(new Error("on purpose"));
  await assert.rejects(both[0]!, /on purpose/);
  assert.ok(working.has("a"));
  second.resolve();
  await both[1];
  assert.ok(!working.has("a"));
});
