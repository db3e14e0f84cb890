import assert from "node:assert/strict";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { dockerErrorResponse, errorForBoth } from "./errors.ts";

Deno.test("Docker's clients read a message of a plain type, with its causes, but not what tools were given", async () => {
  const cause = new Error("it is there", { cause: new Error("ip -batch was given: secret") });
  const response = dockerErrorResponse(new NetsvcError("kernel", "Cannot", { cause }));
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.deepEqual(await response.json(), { message: "Cannot: it is there" });
});

Deno.test("what is in use is forbidden to be removed, as Docker has it", () => {
  assert.equal(dockerErrorResponse(new NetsvcError("in_use", "x")).status, 403);
  assert.equal(dockerErrorResponse(new NetsvcError("not_found", "x")).status, 404);
});

Deno.test("an error for whoever asked has both forms, and no stack of an unforeseen one", async () => {
  const both = await errorForBoth(new NetsvcError("conflict", "Taken")).json();
  assert.equal(both.message, "Taken");
  assert.equal(both.detail, "Taken");
  assert.equal(both.code, "conflict");
  assert.doesNotMatch(
    JSON.stringify(await errorForBoth(new TypeError("boom")).json()),
    / at .*\.ts/,
  );
});
