import assert from "node:assert/strict";
import { forEachPooled, Pool } from "./pool.ts";

Deno.test("a Pool runs so many at once, the rest in order, and outlives failures", async () => {
  const pool = new Pool(2);
  const begun: number[] = [];
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
  const all = gates.map(({ promise }, i) =>
    pool.run(() => {
      begun.push(i);
      return promise;
    })
  );
  all[1]!.catch(() => {});
  assert.deepEqual(begun, [0, 1]);
  gates[1]!.reject(new Error("it fails"));
  await assert.rejects(all[1]!, /it fails/);
  assert.deepEqual(begun, [0, 1, 2]);
  for (const { resolve } of gates) resolve();
  await Promise.allSettled(all);
  assert.deepEqual(begun, [0, 1, 2, 3]);
  // All places are free again.
  await Promise.all([1, 2, 3].map((n) => pool.run(() => Promise.resolve(n))));
});

Deno.test("forEachPooled() does all, so many at once", async () => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  await forEachPooled([1, 2, 3, 4, 5], async (n) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve));
    running--;
    done.push(n);
  }, { size: 3 });
  assert.deepEqual(done.sort(), [1, 2, 3, 4, 5]);
  assert.equal(most, 3);
  await forEachPooled([], () => Promise.reject(new Error("there is none")));
});

Deno.test("forEachPooled() begins none after one that failed", async () => {
  const begun: number[] = [];
  await assert.rejects(
    forEachPooled([1, 2, 3], (n) => {
      begun.push(n);
      return n === 2 ? Promise.reject(new Error("two")) : Promise.resolve();
    }, { size: 1 }),
    /two/,
  );
  assert.deepEqual(begun, [1, 2]);
});
