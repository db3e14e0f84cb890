import assert from "node:assert/strict";
import { libc } from "../libc.ts";
import { readFileSync } from "../libc.ts";
import { runPromptly } from "./promptness.ts";

libc(); // Loaded once, for all tests.

Deno.test("a thread's stretches are as long as it asks for, its share and policy as before", () => {
  const sched = () => readFileSync("/proc/thread-self/sched");
  const value = (name: string) =>
    Number(sched().match(new RegExp(`^(?:se\\.)?${name} +: +([\\d.]+)`, "m"))?.[1]);
  const before = { policy: value("policy"), prio: value("prio") };
  const slice = value("slice");
  runPromptly(0.2);
  if (Number.isNaN(slice)) assert.ok(true, "a kernel before 6.12 has no such thing");
  else assert.equal(value("slice"), 200_000);
  assert.deepEqual({ policy: value("policy"), prio: value("prio") }, before);
});
