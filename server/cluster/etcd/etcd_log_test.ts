import assert from "node:assert/strict";
import { lastReason, wasRemoved } from "./etcd_log.ts";

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

Deno.test("one that was removed is told from one that failed", () => {
  assert.ok(wasRemoved(['{"msg":"the member has been permanently removed from the cluster"}']));
  assert.ok(!wasRemoved(['{"msg":"failed"}']));
});
