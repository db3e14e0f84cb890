import assert from "node:assert/strict";
import { z } from "zod";
import { isUnreadable, safely } from "./safely.ts";

Deno.test("a value whose length is none is none, and doesn't end in a stack trace", () => {
  const value = { length: { valueOf: 1 } };
  assert.equal(safely(() => z.array(z.string()).max(3).safeParse(value).success) ?? false, false);
});

Deno.test("other errors go on", () => {
  assert.throws(() =>
    safely(() => {
      throw new TypeError("something else");
    }), /something else/);
  assert.equal(isUnreadable(new TypeError("Cannot convert object to primitive value")), true);
  assert.equal(isUnreadable(new Error("Cannot convert object to primitive value")), false);
});
