import assert from "node:assert/strict";
import { usageError } from "./usage.ts";

Deno.test("a mistake of usage names the command's help and ends with 2", () => {
  const error = usageError("network create", "No");
  assert.equal(error.message, "No (see 'netsvc network create --help')");
  assert.equal(error.exitCode, 2);
  assert.equal(usageError("", "No").message, "No (see 'netsvc --help')");
});
