import assert from "node:assert/strict";
import type { DoctorLine } from "../../lib/api/types.ts";
import type { CheckContext } from "./check.ts";
import { Doctor, type NamedCheck } from "./doctor.ts";
import { findingsOf } from "./finding.ts";

const CONTEXT = {} as CheckContext; // These checks look at nothing.

async function told(checks: NamedCheck[], deadline?: number): Promise<DoctorLine[]> {
  const lines: DoctorLine[] = [];
  const doctor = new Doctor(CONTEXT, { checks, ...deadline !== undefined && { deadline } });
  await doctor.run((line) => lines.push(line), new AbortController().signal);
  return lines;
}

Deno.test("the doctor tells what it looks at, then what it found there, check by check", async () => {
  const one = findingsOf("one").ok("all is well");
  const two = findingsOf("two").problem("it isn't", "mend it");
  const lines = await told([
    ["one", "the first thing", () => [one]],
    ["two", "the second thing", () => Promise.resolve([two, two])],
  ]);
  assert.deepEqual(lines, [
    { checking: "the first thing" },
    one,
    { checking: "the second thing" },
    two,
    two,
  ]);
});

Deno.test("a check that fails, or takes too long, is a problem of its own", async () => {
  const lines = await told([
    ["fails", "what fails", () => Promise.reject(new Error("no"))],
    ["throws", "what throws", () => {
      throw new Error("never");
    }],
    ["hangs", "what hangs", () => new Promise(() => {})],
    ["well", "what is well", () => [findingsOf("well").ok("well")]],
  ], 10);
  const found = lines.flatMap((line) => "status" in line ? [line] : []);
  assert.deepEqual(found.map(({ check, status }) => [check, status]), [
    ["fails", "problem"],
    ["throws", "problem"],
    ["hangs", "problem"],
    ["well", "ok"],
  ]);
  assert.match(found[0]!.message, /^The check failed: no$/);
  assert.match(found[2]!.message, /^The check took over 0.01 s and was abandoned$/);
});

Deno.test("who asks while the doctor is at work waits; who goes away stops it", async () => {
  const gate = Promise.withResolvers<void>();
  const begun: string[] = [];
  const doctor = new Doctor(CONTEXT, {
    checks: [
      ["one", "the first thing", async () => {
        begun.push("one");
        await gate.promise;
        return [];
      }],
      ["two", "the second thing", () => (begun.push("two"), [])],
    ],
  });
  const away = new AbortController();
  const first = doctor.run(() => {}, away.signal);
  const second = doctor.run(() => {}, new AbortController().signal);
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(begun, ["one"]);
  away.abort();
  gate.resolve();
  await Promise.all([first, second]);
  assert.deepEqual(begun, ["one", "one", "two"]);
});
