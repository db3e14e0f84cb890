import assert from "node:assert/strict";
import type { ClusterState } from "../../files/cluster_file.ts";
import { atAddress, movedTo } from "./own_address.ts";

Deno.test("a host has moved when the address that its cluster knows is no more on it, and another one is", () => {
  for (
    const [known, other] of [["10.0.0.1", "10.0.0.9"], ["fd99::1", "fd99::9"]] as const
  ) {
    const has = (...addresses: string[]) => addresses.map((one) => `${one}/64`);
    assert.equal(movedTo(known, { current: known, addresses: has(known) }), undefined);
    assert.equal(movedTo(known, { current: other, addresses: has(other) }), other);
    // A second address, or a route that goes another way, is no move.
    assert.equal(movedTo(known, { current: other, addresses: has(other, known) }), undefined);
    // A link that is down has none: it comes back.
    assert.equal(movedTo(known, { current: undefined, addresses: [] }), undefined);
  }
  const addresses = ["FD99:0:0::9/64"];
  assert.equal(movedTo("fd99::9", { current: "FD99:0:0::9", addresses }), undefined);
  assert.equal(movedTo("fd99::1", { current: "FD99:0:0::9", addresses }), "fd99::9");
});

Deno.test("a host that has moved finds its own etcd at the new address, and the others' where they were", () => {
  const state: ClusterState = {
    cluster: { id: "c" },
    host: { id: "h", address: "10.0.0.1" },
    role: "voter",
    store: {
      kind: "own",
      endpoints: [{ host: "10.0.0.1", port: 2479 }, { host: "10.0.0.2", port: 2479 }],
    },
  };
  const { host, store } = atAddress(state, "10.0.0.9");
  assert.equal(host.address, "10.0.0.9");
  assert.deepEqual(store, {
    kind: "own",
    endpoints: [{ host: "10.0.0.9", port: 2479 }, { host: "10.0.0.2", port: 2479 }],
  });
  assert.equal(state.host.address, "10.0.0.1");
});
