import assert from "node:assert/strict";
import { sinceWhen } from "./voting.ts";

Deno.test("no host makes itself older than the voters know it, nor one of a day to come", () => {
  const now = 1_000_000;
  assert.equal(sinceWhen(500, 0, now), 500, "up for ever, as it says");
  assert.equal(sinceWhen(500, 700, now), 700, "it was booted again");
  assert.equal(sinceWhen(500, undefined, now), 500);
  assert.equal(sinceWhen(500, 9_000_000, now), now);
});
