import assert from "node:assert/strict";
import { ageText } from "./age.ts";

Deno.test("ageText() says how long ago a time was, in the largest unit of which there are two", () => {
  const now = Date.parse("2026-01-31T12:00:00Z");
  const before = (seconds: number) => ageText(new Date(now - seconds * 1000).toISOString(), now);
  assert.equal(before(0), "0 seconds");
  assert.equal(before(1.9), "1 second");
  assert.equal(before(119), "119 seconds");
  assert.equal(before(120), "2 minutes");
  assert.equal(before(7199), "119 minutes");
  assert.equal(before(7200), "2 hours");
  assert.equal(before(3 * 86400), "3 days");
  assert.equal(before(20 * 86400), "2 weeks");
  assert.equal(before(90 * 86400), "3 months");
  assert.equal(before(800 * 86400), "2 years");
  // The daemon's clock may be ahead of the client's.
  assert.equal(before(-5), "0 seconds");
});
