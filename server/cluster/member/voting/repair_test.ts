import assert from "node:assert/strict";
import { isKept, whyNotRecover, whyNotRestore } from "./repair.ts";

Deno.test("a restore leaves who is in the cluster as it is, and what hosts say of themselves", () => {
  const kept = [
    "netsvc/hosts/1",
    "netsvc/host-names/one",
    "netsvc/host-leases/1",
    "netsvc/tunnels/1",
    "netsvc/meta/form",
    "netsvc-cluster/public/hosts/1",
    "netsvc-cluster/public/authority",
    "netsvc-cluster/secret/tokens/1",
    "somebody/else",
  ];
  const restored = ["netsvc/networks/1", "netsvc/services/1/2", "netsvc/network-names/prod"];
  assert.deepEqual(kept.filter((key) => !isKept(key)), []);
  assert.deepEqual(restored.filter(isKept), []);
});

Deno.test("a backup of another cluster is restored where that is insisted on, and both are named", () => {
  const [of, cluster] = ["a".repeat(64), "b".repeat(64)];
  const ask = (changes: object = {}) =>
    whyNotRestore("/root/old", { of, cluster, force: false, ...changes });
  assert.equal(
    ask(),
    'The backup "/root/old" is of cluster aaaaaaaa, and this is bbbbbbbb; insist with -f',
  );
  assert.equal(ask({ force: true }), undefined);
  assert.equal(ask({ cluster: of }), undefined);
});

Deno.test("a survivor that has gone on alone has nothing to recover when it is told so again", () => {
  assert.equal(whyNotRecover({ answers: false, force: false }), undefined);
  assert.match(
    whyNotRecover({ answers: true, force: false })!,
    /nothing to recover; insist with -f/,
  );
  assert.equal(whyNotRecover({ answers: true, force: true }), undefined);
});
