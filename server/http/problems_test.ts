import assert from "node:assert/strict";
import { HTTPException } from "@hono/hono/http-exception";
import { z } from "@hono/zod-openapi";
import { NetsvcError } from "../../lib/api/errors.ts";
import { problemResponse, schemaError } from "./problems.ts";

Deno.test("an error is a problem with its code, status and causes", async () => {
  const cause = new Error("outer", { cause: new Error("inner") });
  const response = problemResponse(new NetsvcError("in_use", "It is used", { cause, exitCode: 7 }));
  assert.equal(response.status, 409);
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  assert.deepEqual(await response.json(), {
    type: "about:blank",
    title: "in use",
    status: 409,
    detail: "It is used",
    code: "in_use",
    exitCode: 7,
    causes: ["outer", "inner"],
  });
});

Deno.test("what is thrown without a code is the daemon's own fault, or the request's", async () => {
  const code = async (thrown: unknown) => (await problemResponse(thrown).json()).code;
  assert.equal(await code(new TypeError("x is not a function")), "internal");
  assert.equal(await code("text"), "internal");
  assert.equal(await code(new HTTPException(400, { message: "Malformed JSON" })), "invalid");
  assert.equal(await code(new TypeError("Cannot convert object to primitive value")), "invalid");
});

Deno.test("a schema's first complaint names the field", () => {
  const { error } = z.object({ a: z.array(z.int()) }).safeParse({ a: [1, "x"] });
  assert.match(schemaError(error!).message, /^Invalid request at "a\.1": /);
});
