import assert from "node:assert/strict";
import type { ClusterState } from "../../files/cluster_file.ts";
import { FollowAddress } from "./follow_address.ts";

/** A host that follows its address; what it does is told in `did`. */
function following(kept: boolean) {
  const did: string[] = [];
  const state: ClusterState = {
    cluster: { id: "c" },
    host: { id: "h", address: "10.0.0.1" },
    role: kept ? "voter" : "client",
    store: { kind: "own", endpoints: [{ host: "10.0.0.1", port: 2479 }] },
  };
  const has = { current: "10.0.0.1" as string | undefined, addresses: ["10.0.0.1/24"] };
  const follow = new FollowAddress({
    state,
    addresses: () => has,
    child: { kept, stop: () => Promise.resolve(void did.push("stop")) },
    write: ({ host: { address } }) => Promise.resolve(void did.push(`write ${address}`)),
    restart: () => did.push("restart"),
  });
  return {
    follow,
    state,
    did,
    /** What the machine has from now on. */
    have: (address?: string) => {
      has.current = address;
      has.addresses = address === undefined ? [] : [`${address}/24`];
    },
  };
}

Deno.test("a voter that has another address for a while begins again at it", async () => {
  const { follow, state, did, have } = following(true);
  await using _ = follow;
  await follow.round();
  have("10.0.0.7");
  await follow.round();
  await follow.round();
  // The link was late, and is back.
  have("10.0.0.1");
  await follow.round();
  have("10.0.0.7");
  await follow.round();
  have(undefined);
  await follow.round();
  have("10.0.0.7");
  await follow.round();
  await follow.round();
  assert.deepEqual(did, []);
  await follow.round();
  assert.deepEqual(did, ["write 10.0.0.7", "stop", "restart"]);
  assert.deepEqual(state.store, { kind: "own", endpoints: [{ host: "10.0.0.7", port: 2479 }] });
  await follow.round();
  assert.equal(did.length, 3);
});

Deno.test("a host without an etcd goes on as it is, and knows where it is", async () => {
  const { follow, state, did, have } = following(false);
  await using _ = follow;
  have("10.0.0.7");
  for (let i = 0; i < 4; i++) await follow.round();
  assert.deepEqual(did, ["write 10.0.0.7"]);
  assert.equal(state.host.address, "10.0.0.7");
});
