import assert from "node:assert/strict";
import { retry } from "./retry.ts";

const PAUSES = { first: 1, longest: 1 };

/** Fails so many times. */
function failing(times: number): () => Promise<number> {
  let calls = 0;
  return () => {
    calls++;
    return calls > times ? Promise.resolve(calls) : Promise.reject(new Error(`failure ${calls}`));
  };
}

Deno.test("retry() goes on until an attempt succeeds", async () => {
  assert.equal(await retry(failing(3), PAUSES), 4);
});

Deno.test("retry() ends with its attempts, or where another is vain", async () => {
  await assert.rejects(retry(failing(3), { ...PAUSES, attempts: 3 }), /failure 3/);
  const retryable = (error: unknown) => (error as Error).message !== "failure 2";
  await assert.rejects(retry(failing(3), { ...PAUSES, retryable }), /failure 2/);
});

Deno.test("retry() ends with its signal", async () => {
  const stop = new AbortController();
  const waiting = retry(failing(Infinity), {
    first: 3_600_000,
    longest: 3_600_000,
    signal: stop.signal,
    retryable: () => {
      queueMicrotask(() => stop.abort());
      return true;
    },
  });
  await assert.rejects(waiting, /failure 1/);
});
