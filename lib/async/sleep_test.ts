import assert from "node:assert/strict";
import { sleep } from "./sleep.ts";

Deno.test("sleep() ends by its time, or by its signal, and leaves no listener", async () => {
  await sleep(1);
  const stop = new AbortController();
  const hour = sleep(3_600_000, stop.signal);
  stop.abort();
  await hour;
  await sleep(3_600_000, stop.signal);
  assert.ok(stop.signal.aborted);
});
