import assert from "node:assert/strict";
import { LogTimes } from "./log_times.ts";

Deno.test("LogTimes knows when bytes were written, and which were after a time", () => {
  const times = new LogTimes();
  assert.equal(times.at(0), undefined);
  assert.equal(times.since(0), 0);
  assert.equal(times.note(10, 1000.9), "note");
  assert.equal(times.note(10, 2000), "nothing");
  assert.equal(times.note(25, 3000), "note");
  assert.deepEqual([0, 9, 10, 24, 25].map((at) => times.at(at)), [
    ...[1000, 1000, 3000, 3000, undefined],
  ]);
  assert.deepEqual([0, 1000, 1001, 3000, 3001].map((time) => times.since(time)), [
    0,
    0,
    10,
    10,
    25,
  ]);
  // A clock that was set back doesn't bring lines out of order.
  times.note(30, 500);
  assert.equal(times.at(29), 3000);
  times.cut(12);
  assert.equal(times.since(0), 12);
  assert.equal(times.at(12), 3000);
  const again = LogTimes.parse(`${times.toText()}40 9000\n`);
  assert.deepEqual([again.start, again.end, again.at(35), again.since(9000)], [12, 40, 9000, 30]);
});

Deno.test("LogTimes reads what a crash left, and stays small", () => {
  const times = LogTimes.parse("0\n10 1000\nnonsense\n30 20\n5 5\n40 50");
  assert.deepEqual([times.end, times.at(20), times.at(35)], [40, 1000, 1000]);
  assert.equal(LogTimes.parse("").end, 0);
  const long = new LogTimes();
  for (let i = 1; i <= 100_000; i++) long.note(i, i);
  assert.ok(long.toText().split("\n").length < 4100);
  assert.equal(long.at(99_999), 100_000);
  assert.ok(long.at(10)! >= 10, "what is coarse is late, never early");
  for (let i = 0; i < 100_000; i += 997) assert.ok(long.at(i)! > i && long.since(i + 1) <= i);
});
