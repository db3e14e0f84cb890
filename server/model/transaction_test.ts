import assert from "node:assert/strict";
import { decideAndCommit, operations, together, tryAgain } from "./transaction.ts";

Deno.test("fragments are put together; what is checked twice alike is checked once", () => {
  const all = together(
    { checks: [{ key: "a", revision: "1" }], puts: [{ key: "b", value: "1" }] },
    { checks: [{ key: "a", revision: "1" }, { key: "c", revision: null }], deletes: ["d"] },
    {},
  );
  assert.deepEqual(all, {
    checks: [{ key: "a", revision: "1" }, { key: "c", revision: null }],
    puts: [{ key: "b", value: "1" }],
    deletes: ["d"],
  });
  assert.equal(operations(all), 4);
});

Deno.test("two fragments that expect different revisions of a key can't both hold", () => {
  const { checks } = together(
    { checks: [{ key: "a", revision: "1" }] },
    { checks: [{ key: "a", revision: "2" }] },
  );
  assert.equal(checks.length, 2);
});

Deno.test("a decision that lost a race is taken again, and is told what it lost", async () => {
  const outcomes = [{ ok: false, failed: "k" }, { ok: true, revision: "2" }] as const;
  const told: string[][] = [];
  const result = await decideAndCommit(
    { commit: () => Promise.resolve(outcomes[told.length - 1]!) },
    (lost) => {
      told.push([...lost]);
      return { transaction: {}, result: told.length };
    },
  );
  assert.equal(result, 2);
  assert.deepEqual(told, [[], ["k"]]);
});

Deno.test("a decision that keeps losing is abandoned, and the key is named", async () => {
  let tries = 0;
  await assert.rejects(
    tryAgain(() => {
      tries++;
      return Promise.resolve({ conflict: "names/db" });
    }),
    { code: "conflict", message: /"names\/db"/ },
  );
  assert.equal(tries, 12);
});
