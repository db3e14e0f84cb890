import assert from "node:assert/strict";
import { openStore } from "../../kv/open.ts";
import { keys } from "../model/keys.ts";
import type { ServiceRecord } from "../model/records.ts";
import type { State } from "../model/state.ts";
import { backendKeys, type Cluster } from "./cluster.ts";

Deno.test("backendKeys() takes a backend over from a host that is gone, not from one that is back", async () => {
  const stateDir = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  await using store = await openStore("local:", { stateDir });
  const memberPut = (network: string) => ({ key: keys.member(network, "here"), value: "{}" });
  const cluster = { membership: { memberPut } } as unknown as Cluster;
  const state = { hostId: "here" } as State;
  const service = { id: "s", name: "db", network: "n", backend: { hostId: "there" } };
  const before = service as ServiceRecord;
  await store.commit({
    puts: [
      { key: keys.backend("there", "n", "s"), value: "{}" },
      { key: keys.member("n", "there"), value: "{}" },
    ],
  });
  const member = keys.member("n", "there");
  assert.deepEqual(await store.commit(backendKeys(cluster, state, before)), {
    ok: false,
    failed: member,
  });
  assert.ok(await store.get(keys.backend("there", "n", "s")));
  await store.commit({ deletes: [member] });
  assert.ok((await store.commit(backendKeys(cluster, state, before))).ok);
  assert.equal(await store.get(keys.backend("there", "n", "s")), undefined);
  // What this host or nobody had before is nobody's to be back.
  for (const backend of [undefined, { hostId: "here" }]) {
    assert.deepEqual(
      backendKeys(cluster, state, { ...before, backend } as ServiceRecord).checks,
      [],
    );
  }
  await Deno.remove(stateDir, { recursive: true });
});
