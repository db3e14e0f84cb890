import assert from "node:assert/strict";
import { errorChain, NetsvcError } from "./errors.ts";

Deno.test("errorChain() is in words of people, each said once", () => {
  let missing = new Error();
  try {
    Deno.readTextFileSync("/no/such/file");
  } catch (error) {
    missing = error as Error;
  }
  assert.match(missing.message, /os error 2/);
  assert.deepEqual(errorChain(missing), ["No such file or directory"]);
  const wrapped = new NetsvcError("internal", "Cannot read it: database or disk is full", {
    cause: new Error("database or disk is full", { cause: new Error("line one\n  line two") }),
  });
  assert.deepEqual(errorChain(wrapped), [
    "Cannot read it: database or disk is full",
    "line one; line two",
  ]);
  assert.deepEqual(errorChain("text"), ["text"]);
  assert.deepEqual(errorChain(undefined), []);
  assert.deepEqual(errorChain(new Error("", { cause: new Error("x") })), ["", "x"]);
});
