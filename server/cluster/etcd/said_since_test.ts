import assert from "node:assert/strict";
import { linesSince, sizeOf } from "./said_since.ts";

Deno.test("what a log got since is told, and all of one that was emptied", async () => {
  const path = await Deno.makeTempFile({ prefix: "netsvc-test-" });
  try {
    await Deno.writeTextFile(path, "one\ntwo\n");
    const before = sizeOf(path);
    assert.deepEqual(linesSince(path, before), []);
    await Deno.writeTextFile(path, "three\n\nfour", { append: true });
    assert.deepEqual(linesSince(path, before), ["three", "four"]);
    await Deno.writeTextFile(path, "five\n");
    assert.deepEqual(linesSince(path, before), ["five"]);
    await Deno.writeTextFile(path, `${"x".repeat(100_000)}\nlast\n`);
    const [cut, last] = linesSince(path, 0);
    assert.equal(last, "last");
    assert.ok(cut!.length < 64 * 1024);
  } finally {
    await Deno.remove(path);
  }
  assert.equal(sizeOf(path), 0);
  assert.deepEqual(linesSince(path, 3), []);
});
