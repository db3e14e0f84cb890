import assert from "node:assert/strict";
import { openStore } from "./open.ts";

Deno.test("openStore() opens the embedded store in the state directory", async () => {
  const stateDir = Deno.makeTempDirSync({ prefix: "netsvc-test-" });
  try {
    await using store = await openStore("local", { stateDir });
    assert.equal(store.provider, "local");
    assert.deepEqual(await store.list(""), []);
  } finally {
    Deno.removeSync(stateDir, { recursive: true });
  }
});

Deno.test("openStore() refuses a wrong URL before anything is loaded", async () => {
  const opening = openStore("etcd:h1:x", { stateDir: "/nowhere" });
  await assert.rejects(opening, { code: "invalid", message: /endpoint "h1:x" has no valid port/ });
});
