import assert from "node:assert/strict";
import { atMost, deadline } from "./deadline.ts";

const HOUR = 3_600_000;
const never = () => new Promise<never>(() => {});
const late = () => new Error("late");

Deno.test("deadline() gives what comes in time, and else fails as it is told to", async () => {
  assert.equal(await deadline(Promise.resolve(1), HOUR, { error: late }), 1);
  await assert.rejects(deadline(Promise.reject(new Error("own")), HOUR, { error: late }), /own/);
  await assert.rejects(deadline(never(), 1, { error: late }), /late/);
  await assert.rejects(deadline(never(), 1), { name: "TimeoutError" });
});

Deno.test("deadline() hears of what fails after it", async () => {
  const { promise, reject } = Promise.withResolvers<void>();
  await assert.rejects(deadline(promise, 1, { error: late }), /late/);
  reject(new Error("nobody is there any more")); // An unhandled rejection would fail the test.
  await new Promise((resolve) => setTimeout(resolve));
});

Deno.test("atMost() gives undefined when it is too late or the signal comes", async () => {
  assert.equal(await atMost(Promise.resolve(1), HOUR), 1);
  assert.equal(await atMost(never(), 1), undefined);
  await assert.rejects(atMost(Promise.reject(new Error("own")), HOUR), /own/);
  const stop = new AbortController();
  const waiting = atMost(never(), HOUR, stop.signal);
  stop.abort();
  assert.equal(await waiting, undefined);
  assert.equal(await atMost(never(), HOUR, stop.signal), undefined);
});
