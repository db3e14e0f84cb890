import assert from "node:assert/strict";
import { parseSince } from "./times.ts";

Deno.test("parseSince() takes times and how long ago they were", () => {
  const now = Date.parse("2026-01-31T12:00:00Z");
  const cases: [string, string][] = [
    ["10m", "2026-01-31T11:50:00.000Z"],
    ["1h30m", "2026-01-31T10:30:00.000Z"],
    ["0s", "2026-01-31T12:00:00.000Z"],
    ["1.5s", "2026-01-31T11:59:58.500Z"],
    ["250ms", "2026-01-31T11:59:59.750Z"],
    ["2d", "2026-01-29T12:00:00.000Z"],
    ["2026-01-30", "2026-01-30T00:00:00.000Z"],
    ["2026-01-30T01:02:03.5+01:00", "2026-01-30T00:02:03.500Z"],
    ["1769860800", "2026-01-31T12:00:00.000Z"],
  ];
  for (const [text, time] of cases) {
    assert.equal(new Date(parseSince("events", text, now)).toISOString(), time, text);
  }
  for (const text of ["", "soon", "-5m", "5x", "2026-99-99", "10m ago"]) {
    assert.throws(
      () => parseSince("events", text, now),
      /^NetsvcError: Invalid --since ".*netsvc events --help/,
      text,
    );
  }
});
