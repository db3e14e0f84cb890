import assert from "node:assert/strict";
import { Conditions } from "./conditions.ts";

const error = () => new Error("too late");

Deno.test("what holds isn't waited for; what doesn't is looked at when something has happened", async () => {
  const conditions = new Conditions();
  await conditions.until(() => true, { ms: 1, error });
  let count = 0;
  const waiting = conditions.until(() => count >= 2, { ms: 60_000, error });
  for (count = 1; count < 3; count++) conditions.look();
  await waiting;
});

Deno.test("what never holds ends with the error, and isn't looked at any more", async () => {
  const conditions = new Conditions();
  let looks = 0;
  const never = () => {
    looks++;
    return false;
  };
  await assert.rejects(conditions.until(never, { ms: 5, error }), /too late/);
  conditions.look();
  assert.equal(looks, 1);
});
