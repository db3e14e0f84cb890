import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { failure, isTrouble, isUnsent, needsLogin } from "./failure.ts";

const call = (code: number, details: string) =>
  Object.assign(new Error(details), { code, details });
const told = (code: number, details: string, write = false) =>
  failure(call(code, details), { store: "etcd:h", write });

Deno.test("what etcd refuses is told apart by what to do about it", () => {
  const cases: [code: number, details: string, expected: string][] = [
    [
      status.INVALID_ARGUMENT,
      "etcdserver: authentication failed, invalid user ID or password",
      "unauthorized",
    ],
    [status.PERMISSION_DENIED, "etcdserver: permission denied", "unauthorized"],
    [
      status.UNAVAILABLE,
      "No connection established. Last error: Error: self-signed certificate",
      "unauthorized",
    ],
    [status.UNIMPLEMENTED, "unknown service", "unsupported"],
    [status.INVALID_ARGUMENT, "etcdserver: too many operations in txn request", "invalid"],
    [status.NOT_FOUND, "etcdserver: requested lease not found", "conflict"],
    [status.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded", "exhausted"],
    [status.RESOURCE_EXHAUSTED, "etcdserver: too many requests", "unavailable"],
    [status.DEADLINE_EXCEEDED, "Deadline exceeded", "timeout"],
    [status.UNAVAILABLE, "No connection established", "unavailable"],
  ];
  for (const [code, details, expected] of cases) {
    assert.equal(told(code, details).code, expected, details);
  }
});

Deno.test("a write whose answer was lost is in doubt, a read isn't", () => {
  assert.equal(told(status.INTERNAL, "Received RST_STREAM with code 2", true).code, "timeout");
  assert.equal(told(status.INTERNAL, "Received RST_STREAM with code 2", false).code, "unavailable");
  assert.equal(told(status.UNAVAILABLE, "No connection established", true).code, "unavailable");
});

Deno.test("what never left, or was refused before it was looked at, may be sent elsewhere", () => {
  assert.equal(isUnsent(call(status.UNAVAILABLE, "No connection established")), true);
  assert.equal(isUnsent(call(status.UNAVAILABLE, "etcdserver: no leader")), true);
  assert.equal(isUnsent(call(status.UNAVAILABLE, "rpc not supported for learner")), true);
  assert.equal(isUnsent(call(status.UNAVAILABLE, "Connection dropped")), false);
  assert.equal(isTrouble(call(status.INVALID_ARGUMENT, "x")), false);
});

Deno.test("a token that a change of users made void is told by all of its words", () => {
  for (
    const words of [
      "invalid auth token",
      "revision in header is old",
      "auth store is old",
      "user name is empty",
    ]
  ) {
    assert.equal(needsLogin(call(status.INVALID_ARGUMENT, `etcdserver: ${words}`)), true, words);
  }
});

Deno.test("who shows another authority's certificate in the place of the cluster's own store isn't the store", () => {
  const error = call(status.UNAVAILABLE, "No connection established. Last error: unknown issuer");
  const { code, message } = failure(error, { store: "etcds:h", write: false, own: true });
  assert.equal(code, "unavailable");
  assert.match(message, /has no trusted connection: unknown issuer; .*clock/);
});
