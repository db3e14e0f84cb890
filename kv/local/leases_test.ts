import assert from "node:assert/strict";
import { Leases } from "./leases.ts";

function leases() {
  const dropped: string[][] = [];
  const all = new Leases((take) => {
    dropped.push(take());
    return Promise.resolve();
  });
  return { all, dropped };
}

Deno.test("revoking a lease drops the keys that are bound to it then, and no others", async () => {
  const { all, dropped } = leases();
  const [one, other] = [all.grant(60_000), all.grant(60_000)];
  all.bind("a", one);
  all.bind("b", one);
  all.bind("c", other);
  all.bind("b", other); // Moved.
  await one.revoke();
  assert.deepEqual(dropped, [["a"]]);
  assert.throws(() => all.use(one), { code: "conflict" });
  all.use(other);
  all.close();
});

Deno.test("a key that is written without a lease belongs to none", async () => {
  const { all, dropped } = leases();
  const lease = all.grant(60_000);
  all.bind("a", lease);
  assert.equal(all.holds("a"), true);
  all.bind("a", undefined);
  assert.equal(all.holds("a"), false);
  await lease.revoke();
  assert.deepEqual(dropped, [[]]);
});

Deno.test("a lease of another store, or of an earlier process, is none", () => {
  const { all } = leases();
  const lease = leases().all.grant(60_000);
  assert.throws(() => all.use(lease), { code: "conflict" });
  all.adopt(["old"]);
  assert.equal(all.holds("old"), true);
  all.close();
  void lease.revoke();
});
