import assert from "node:assert/strict";
import { describeEnd, lastReason, wasRemoved } from "./etcd_log.ts";

Deno.test("the reason is the last severe line, in plain text and of bounded length", () => {
  assert.equal(lastReason([]), "it said nothing");
  assert.equal(lastReason(["plain"]), "plain");
  const lines = [
    '{"level":"fatal","msg":"failed","error":"bind: address\\tin use"}',
    '{"level":"warn","msg":"later"}',
  ];
  assert.equal(lastReason(lines), "failed: bind: address in use");
  assert.equal(lastReason(["x".repeat(1000)]).length, 300);
  assert.equal(lastReason(['{"level":1,"msg":{}}']), '{"level":1,"msg":{}}');
});

Deno.test("how it ended is told from what it said long before", () => {
  const error = '{"level":"error","msg":"failed to send","error":"EOF"}';
  const fatal = '{"level":"fatal","msg":"no space left"}';
  const panic = "panic: runtime error";
  assert.match(describeEnd({ code: 137, signal: "SIGKILL" }, [error]), /^it was killed .SIGKILL/);
  assert.equal(
    describeEnd({ code: 143, signal: "SIGTERM" }, [fatal]),
    "somebody ended it (SIGTERM)",
  );
  assert.match(describeEnd({ code: 0, signal: null }, [error]), /by itself, with exit status 0$/);
  assert.equal(
    describeEnd({ code: 1, signal: null }, [fatal, error]),
    "exit status 1: no space left",
  );
  assert.equal(
    describeEnd({ code: 2, signal: null }, [error, panic, "x"]),
    `exit status 2: ${panic}`,
  );
  assert.equal(describeEnd({ code: 1, signal: null }, []), "exit status 1: it said nothing");
  // One that an earlier daemon had started.
  assert.match(describeEnd(undefined, [error]), /^how isn't known.*was it killed/);
  assert.equal(describeEnd(undefined, [fatal, error]), "no space left");
  assert.equal(describeEnd(undefined, [panic]), panic);
});

Deno.test("one that was removed is told from one that failed", () => {
  assert.ok(wasRemoved(['{"msg":"the member has been permanently removed from the cluster"}']));
  assert.ok(!wasRemoved(['{"msg":"failed"}']));
});
