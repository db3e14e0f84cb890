import assert from "node:assert/strict";
import { Attempts, Ring } from "./failover.ts";

Deno.test("a Ring goes on to the next server once, however many calls it failed", () => {
  const ring = new Ring(["a", "b", "c"]);
  const first = ring.current;
  const next = ring.all[(ring.all.indexOf(first) + 1) % 3]!;
  ring.leave(first);
  assert.equal(ring.current, next);
  ring.leave(first); // Another call that failed there.
  assert.equal(ring.current, next);
  ring.leave(next);
  ring.leave(ring.current);
  assert.equal(ring.current, first);
  const alone = new Ring(["a"]);
  alone.leave("a");
  assert.equal(alone.current, "a");
});

Deno.test("a Ring begins anywhere", () => {
  const begun = new Set(Array.from({ length: 200 }, () => new Ring(["a", "b"]).current));
  assert.deepEqual([...begun].sort(), ["a", "b"]);
});

Deno.test("a call has one attempt more than there are servers, and some are forgiven", () => {
  const attempts = new Attempts(2, 3_600_000);
  const last: boolean[] = [];
  for (let i = 0; i < 3; i++) {
    attempts.begin();
    last.push(attempts.last);
  }
  assert.deepEqual(last, [false, false, true]);
  attempts.forgive();
  assert.ok(!attempts.last);
  assert.ok(!attempts.first);
  assert.ok(attempts.inTime);
  assert.ok(!new Attempts(2, 100).inTime);
  assert.ok(!new Attempts(2, -1).inTime);
});
