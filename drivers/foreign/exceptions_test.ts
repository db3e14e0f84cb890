import assert from "node:assert/strict";
import { isExceptionLine, isExceptionRule } from "./exceptions.ts";

Deno.test("a rule of netsvc's is known by its comment, and no other that mentions it", () => {
  assert.equal(
    isExceptionLine("-A DOCKER-USER -i nsb+ -m comment --comment netsvc -j ACCEPT"),
    true,
  );
  assert.equal(isExceptionLine('-A FORWARD -m comment --comment "netsvc or not" -j DROP'), false);
  const rule = (comment: string, ...expr: Record<string, unknown>[]) => ({
    ...{ family: "inet", table: "t", chain: "c" },
    comment,
    expr,
  });
  assert.equal(isExceptionRule(rule("netsvc", { accept: null })), true);
  assert.equal(isExceptionRule(rule("netsvc", { drop: null })), false);
  assert.equal(isExceptionRule(rule("other", { accept: null })), false);
});
