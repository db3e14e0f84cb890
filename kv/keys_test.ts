import assert from "node:assert/strict";
import {
  byKey,
  byteLength,
  checkKey,
  checkTransaction,
  MAX_OPERATIONS,
  MAX_VALUE_BYTES,
  onlyCreates,
} from "./keys.ts";

Deno.test("keys are ordered by their bytes, beyond the basic plane, too", () => {
  const keys = ["b", "a/b", "a", "\u{10000}", "\uffff", "ä"].map((key) => ({ key }));
  const bytes = (key: string) => new TextEncoder().encode(key).toHex();
  const sorted = keys.toSorted(byKey).map(({ key }) => key);
  assert.deepEqual(sorted, keys.map(({ key }) => key).sort((a, b) => bytes(a) < bytes(b) ? -1 : 1));
});

Deno.test("a key that a store would take for something else is refused", () => {
  for (const key of ["a", "a/b", "ä/b", "x".repeat(1024)]) checkKey(key);
  for (const key of ["", "/a", "a/", "a//b", "a\0b", "a\ud800", "x".repeat(1025)]) {
    assert.throws(() => checkKey(key), { code: "invalid" }, JSON.stringify(key.slice(0, 9)));
  }
});

Deno.test("a transaction is bounded, and writes each key once", () => {
  const put = (key: string, value = "") => ({ key, value });
  const keys = Array.from({ length: MAX_OPERATIONS }, (_, i) => put(`k${i}`));
  checkTransaction({ puts: keys });
  assert.throws(
    () => checkTransaction({ puts: keys, deletes: ["more"] }),
    /of 65 operations is too large/,
  );
  assert.throws(
    () => checkTransaction({ puts: [put("a")], deletes: ["a"] }),
    /"a" is written twice/,
  );
  assert.throws(() => checkTransaction({ checks: [{ key: "", revision: null }] }), /Invalid key/);
  checkTransaction({ puts: [put("a", "x".repeat(MAX_VALUE_BYTES))] });
  assert.throws(
    () => checkTransaction({ puts: [put("a", "ä".repeat(MAX_VALUE_BYTES / 2 + 1))] }),
    /larger than/,
  );
  assert.throws(() => checkTransaction({ puts: [put("a", "\ud800")] }), /half a surrogate pair/);
});

Deno.test("only creations are those that check that nothing is there, each once", () => {
  const put = { key: "a", value: "" };
  assert.equal(onlyCreates({ checks: [{ key: "a", revision: null }], puts: [put] }), true);
  assert.equal(onlyCreates({ puts: [put] }), false);
  assert.equal(onlyCreates({ checks: [{ key: "a", revision: "1" }], puts: [put] }), false);
  assert.equal(onlyCreates({ checks: [{ key: "b", revision: null }], puts: [put] }), false);
  assert.equal(
    onlyCreates({ checks: [{ key: "a", revision: null }], puts: [put], deletes: ["b"] }),
    false,
  );
  assert.equal(byteLength("ä"), 2);
});
