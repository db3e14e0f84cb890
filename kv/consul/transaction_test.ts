import assert from "node:assert/strict";
import type { Lease } from "../store.ts";
import { CONSUL_OPERATIONS, toOperations } from "./transaction.ts";

const lease: Lease = { id: "L", lost: new Promise(() => {}), revoke: () => Promise.resolve() };
const options = { name: (key: string) => `p/${key}`, moved: false };
const verbs = (operations: { KV: { Verb: string; Key: string } }[]) =>
  operations.map(({ KV }) => `${KV.Verb} ${KV.Key}`);

Deno.test("checks come first, then what is deleted, then what is put", () => {
  const { operations, checked } = toOperations({
    puts: [{ key: "a", value: "ä" }, { key: "b", value: "", lease }],
    deletes: ["c"],
    checks: [{ key: "d", revision: null }, { key: "e", revision: "7" }],
  }, options);
  assert.deepEqual(verbs(operations), [
    "check-not-exists p/d",
    "check-index p/e",
    "delete p/c",
    "set p/a",
    "lock p/b",
  ]);
  assert.deepEqual(checked, ["d", "e"]);
  assert.equal(operations[1]!.KV.Index, 7);
  assert.equal(atob(operations[3]!.KV.Value!), "\u00c3\u00a4");
  assert.equal(operations[4]!.KV.Session, "L");
});

Deno.test("a key that another's session may have locked is deleted before it is locked", () => {
  const { operations } = toOperations({ puts: [{ key: "a", value: "", lease }] }, {
    ...options,
    moved: true,
  });
  assert.deepEqual(verbs(operations), ["delete p/a", "lock p/a"]);
});

Deno.test("a write of what is there already is a change all the same: no two are the same", () => {
  const once = () =>
    JSON.stringify(toOperations({ puts: [{ key: "a", value: "x" }] }, options).operations);
  assert.notEqual(once(), once());
});

Deno.test("a revision of another store fits no key, and what is too large is said to be", () => {
  const { operations } = toOperations({ checks: [{ key: "a", revision: "0000a0" }] }, options);
  assert.equal(operations[0]!.KV.Index, 0);
  const deletes = Array.from({ length: CONSUL_OPERATIONS + 1 }, (_, i) => `k${i}`);
  assert.throws(() => toOperations({ deletes }, options), /65 operations is too large for Consul/);
});
