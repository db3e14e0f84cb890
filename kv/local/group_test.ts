import assert from "node:assert/strict";
import type { Transaction } from "../store.ts";
import { Group, merged } from "./group.ts";

const put = (...keys: string[]): Transaction => ({
  puts: keys.map((key) => ({ key, value: key })),
});
const remove = (...deletes: string[]): Transaction => ({ deletes });
const check = (key: string): Transaction => ({ checks: [{ key, revision: null }] });

Deno.test("take() takes what doesn't depend on the others, and has the rest wait", () => {
  const cases: [what: string, first: Transaction, next: Transaction, taken: boolean][] = [
    ["other keys", put("a"), put("b"), true],
    ["a put of the same key", put("a", "fence"), put("b", "fence"), true],
    ["a check of what is put", put("a"), check("a"), false],
    ["a check of what is deleted", remove("a"), check("a"), false],
    ["a put of what is checked", check("a"), put("a"), true],
    ["a check of what is checked", check("a"), check("a"), true],
    ["a delete of what is put", put("a"), remove("a"), false],
    ["a put of what is deleted", remove("a"), put("a"), false],
    ["a second delete", remove("a"), remove("a"), false],
  ];
  for (const [what, first, next, taken] of cases) {
    const group = new Group(first);
    assert.equal(group.take(next), taken, what);
    assert.equal(group.transactions.length, taken ? 2 : 1);
  }
});

Deno.test("take() takes no more than Deno KV does in one operation", () => {
  const full: Record<string, (n: number) => Transaction> = {
    checks: (n) => ({
      checks: Array.from({ length: 10 }, (_, i) => check(`${n}/${i}`).checks![0]!),
    }),
    writes: (n) => put(...Array.from({ length: 20 }, (_, i) => `${n}/${i}`)),
    keys: (n) => put(`${n}/${"k".repeat(900)}`),
    values: (n) => ({ puts: [{ key: `${n}`, value: "v".repeat(20_000) }] }),
  };
  const counts = Object.fromEntries(
    Object.entries(full).map(([what, make]) => {
      const group = new Group(make(0));
      let n = 1;
      while (group.take(make(n))) n++;
      return [what, n];
    }),
  );
  assert.deepEqual(counts, { checks: 10, writes: 20, keys: 44, values: 10 });
});

Deno.test("merged() keeps the last put of a key", () => {
  assert.deepEqual(
    merged([
      { ...check("c"), puts: [{ key: "fence", value: "1" }, { key: "a", value: "a" }] },
      { puts: [{ key: "fence", value: "2" }], deletes: ["b"] },
    ]),
    {
      ...check("c"),
      puts: [{ key: "fence", value: "2" }, { key: "a", value: "a" }],
      deletes: ["b"],
    },
  );
});
