import assert from "node:assert/strict";
import { openLocalStore } from "../../../kv/local/local_store.ts";
import { HOST_LASTS_MS } from "./authority.ts";
import { pruneRevoked } from "./pruning.ts";
import { revoked } from "./records.ts";
import { ScopedStore } from "./scoped_store.ts";

Deno.test("revoked certificates that have ended are forgotten, and no others", async () => {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  const local = await openLocalStore(directory);
  try {
    const store = new ScopedStore(local, "public/");
    const now = Date.now();
    const [host, old] = ["a".repeat(64), now - 2 * HOST_LASTS_MS];
    const put = (serial: string, at: number) => revoked.put({ serial, host, at }, serial);
    for (let n = 0; n < 70; n += 35) {
      const puts = Array.from({ length: 35 }, (_, i) => put(`a${n + i}`, old));
      await store.commit({ puts });
    }
    await store.commit({ puts: [put("b1", now), put("b2", now - HOST_LASTS_MS)] });
    await pruneRevoked(store, now);
    const left = (await revoked.list(store, "revoked/")).map(({ serial }) => serial);
    assert.deepEqual(left.sort(), ["b1", "b2"]);
  } finally {
    await local[Symbol.asyncDispose]();
    await Deno.remove(directory, { recursive: true });
  }
});
