import assert from "node:assert/strict";
import { describeExpulsion, Standing } from "./standing.ts";

const AT = Date.parse("2026-01-02T03:04:05Z");

Deno.test("who is suspected to be out asks, once it is told, no more", async () => {
  let suspect = false;
  let asked = 0;
  let answer: unknown = {};
  await using standing = new Standing({
    suspect: () => suspect,
    ask: () => {
      asked++;
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  });
  assert.equal(await standing.now(), undefined);
  assert.equal(asked, 0, "there is no reason to");
  suspect = true;
  for (const nonsense of [{}, new Error("away"), null, { out: { at: "now" } }, { out: 1 }]) {
    answer = nonsense;
    assert.equal(await standing.now(), undefined);
  }
  assert.equal(asked, 5);
  // A name that is none isn't shown.
  answer = { out: { at: AT, by: "\x1b[31m" } };
  assert.equal(await standing.now(), undefined);
  answer = { out: { at: AT, by: "host-1" } };
  assert.deepEqual(await standing.now(), { at: AT, by: "host-1" });
  answer = {};
  assert.deepEqual(await standing.now(), { at: AT, by: "host-1" });
  assert.equal(asked, 7);
  assert.equal(
    describeExpulsion({ at: AT }),
    "This host was removed from the cluster (2026-01-02 03:04 UTC)",
  );
});

Deno.test("a question that isn't answered ends with the daemon", async () => {
  const standing = new Standing({
    suspect: () => true,
    ask: (signal) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  });
  const asked = standing.now();
  await standing[Symbol.asyncDispose]();
  assert.equal(await asked, undefined);
});
