import assert from "node:assert/strict";
import { openLocalStore } from "../../../../kv/local/local_store.ts";
import { ScopedStore } from "../../control/scoped_store.ts";
import { Tokens } from "../../control/tokens.ts";
import type { NewHost } from "../init.ts";
import { clusterPart, forgetHost, writeCluster, writeJoined } from "./records.ts";

function host(letter: string): NewHost {
  return {
    id: letter.repeat(64),
    name: letter,
    address: `10.0.0.${parseInt(letter, 16)}`,
    given: {},
  };
}

Deno.test("a cluster is written down once, joined once per use of a token, and forgotten with its last host", async () => {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  const store = await openLocalStore(directory);
  try {
    const part = clusterPart(store);
    const cluster = await writeCluster(part, host("a"));
    assert.equal(await writeCluster(part, host("a")), cluster, "it had died half-way");
    await assert.rejects(writeCluster(part, host("b")), { code: "exists" });
    const tokens = new Tokens(new ScopedStore(part, "secret/"));
    const { secret, record: { id } } = await tokens.create({ ttl: 60_000, uses: 1 });
    const join = (letter: string, more = {}) =>
      writeJoined(part, { host: host(letter), token: { id, secret }, cluster, ...more });
    await assert.rejects(join("b", { cluster: "f".repeat(64) }), { code: "unauthorized" });
    await assert.rejects(join("b", { host: { ...host("b"), name: "A" } }), { code: "exists" });
    assert.equal(await join("b"), 2);
    assert.equal(await join("b"), 2, "it had lost the answer");
    await assert.rejects(join("c"), { code: "unauthorized" });
    assert.equal(await forgetHost(part, host("b").id), true);
    assert.equal(await forgetHost(part, host("b").id), false);
    await forgetHost(part, host("a").id);
    assert.notEqual(await writeCluster(part, host("c")), cluster);
  } finally {
    await store[Symbol.asyncDispose]();
    await Deno.remove(directory, { recursive: true });
  }
});
