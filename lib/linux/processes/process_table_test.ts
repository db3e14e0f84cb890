import assert from "node:assert/strict";
import { libc } from "../libc.ts";
import { startChild } from "./child.ts";
import { identify, isRunning, parentOf, signalNumber } from "./process_table.ts";

libc(); // Loaded once, for all tests.

Deno.test("a process is the same only with its start and its boot: ids are used again", async () => {
  const child = startChild("sleep", { args: ["60"] });
  const record = identify(child.pid)!;
  assert.equal(isRunning(record), true);
  assert.equal(parentOf(child.pid), Deno.pid);
  assert.equal(isRunning({ ...record, start: "1" }), false);
  assert.equal(isRunning({ ...record, boot: "other" }), false);
  child.kill("SIGKILL");
  await child.status;
  assert.equal(isRunning(record), false);
  assert.equal(identify(child.pid), undefined);
});

Deno.test("signals have names, with SIG or without, in any case, and numbers", () => {
  for (const name of ["SIGTERM", "term", "15"]) assert.equal(signalNumber(name), 15, name);
  for (const name of ["", "TERMX", "0", "65", "1e1", "-9"]) {
    assert.throws(() => signalNumber(name), /Unknown signal/, name);
  }
});
