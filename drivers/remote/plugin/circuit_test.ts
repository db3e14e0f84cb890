import assert from "node:assert/strict";
import { Circuit } from "./circuit.ts";

Deno.test("Circuit lets one try after each while, and doubles the while", () => {
  let now = 0;
  const circuit = new Circuit(() => now);
  const passes = () => {
    try {
      circuit.enter();
      return true;
    } catch {
      return false;
    }
  };
  assert.ok(passes() && passes());
  circuit.open(new Error("dead"));
  assert.throws(() => circuit.enter(), /dead/);
  now = 999;
  assert.ok(!passes());
  now = 1000;
  assert.ok(passes(), "one may try");
  assert.ok(!passes(), "only one");
  circuit.open(new Error("still dead"));
  now = 2999;
  assert.throws(() => circuit.enter(), /still dead/);
  now = 3000;
  assert.ok(passes());
  circuit.close();
  assert.ok(passes() && passes() && !circuit.broken);
  for (let i = 0; i < 20; i++) circuit.open(new Error("dead"));
  now += 29_999;
  assert.ok(!passes());
  now += 1;
  assert.ok(passes(), "half a minute is the longest");
});
