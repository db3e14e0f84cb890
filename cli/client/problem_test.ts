import assert from "node:assert/strict";
import { problemOf } from "./problem.ts";

const answer = (body: unknown, status = 409) =>
  new Response(typeof body === "string" ? body : JSON.stringify(body), { status });

Deno.test("an error answer is the error that the daemon meant, with its causes in order", async () => {
  const error = await problemOf(
    answer({ code: "conflict", detail: "Taken", causes: ["near", "far"], exitCode: 3 }),
  );
  assert.equal(error.code, "conflict");
  assert.equal(error.message, "Taken");
  assert.equal(error.exitCode, 3);
  const near = error.cause as Error;
  assert.deepEqual([near.message, (near.cause as Error).message], ["near", "far"]);
});

Deno.test("a daemon from before the prefix is said to be older, and what to do", async () => {
  const error = await problemOf(
    answer({ code: "not_found", detail: "No such route: GET /netsvc/v1/networks" }, 404),
  );
  assert.equal(error.code, "unsupported");
  assert.match(error.message, /older than this command; restart it/);
});

Deno.test("what is no problem at all is shown, bounded", async () => {
  const error = await problemOf(answer(`<html>${"x".repeat(1000)}`, 502));
  assert.match(error.message, /^The daemon answered 502: <html>x+; is it netsvc's\?$/);
  assert.ok(error.message.length < 300);
});
