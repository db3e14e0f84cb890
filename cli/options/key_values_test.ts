import assert from "node:assert/strict";
import { parseKeyValues } from "./key_values.ts";

const of = (texts: string[], more = {}) => ({
  ...parseKeyValues(texts, { command: "x", flag: "--label", ...more }),
});

Deno.test("KEY=VALUE is split at the first =, and a value may have more", () => {
  assert.deepEqual(of(["a=1", "b=x=y", "c="]), { a: "1", b: "x=y", c: "" });
});

Deno.test("a bare KEY, an empty one and one that comes again are mistakes, unless they may be", () => {
  assert.throws(() => of(["a"]), /Invalid --label "a"; write it KEY=VALUE/);
  assert.throws(() => of(["=1"]), /Invalid --label "=1"/);
  assert.throws(() => of(["a=1", "a=2"]), /--label gives "a" twice/);
  assert.deepEqual(of(["a"], { valueOptional: true }), { a: "" });
  assert.throws(() => of([""], { valueOptional: true }), /Invalid --label ""/);
  assert.deepEqual(of(["a=1", "a=2"], { lastWins: true }), { a: "2" });
});

Deno.test("a key is a key, __proto__ too", () => {
  const values = parseKeyValues(["__proto__=x", "constructor=y"], {
    command: "x",
    flag: "--label",
  });
  assert.deepEqual(Object.keys(values), ["__proto__", "constructor"]);
  assert.equal(({} as Record<string, unknown>).x, undefined);
});
