import assert from "node:assert/strict";
import { ok } from "../../tests/harness/command.ts";
import { freeBytes, megabytes } from "./disk.ts";

Deno.test("freeBytes() is what df says", async () => {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  try {
    assert.equal(freeBytes(`${directory}/none`), undefined);
    await ok(["mount", "-t", "tmpfs", "-o", "size=3m", "none", directory]);
    try {
      assert.equal(freeBytes(directory), 3 * 1024 * 1024);
      await Deno.writeFile(`${directory}/a`, new Uint8Array(1024 * 1024));
      const [, text] = (await ok(["df", "-B1", "--output=avail", directory])).split("\n");
      assert.equal(freeBytes(directory), Number(text));
      assert.equal(freeBytes(directory), 2 * 1024 * 1024);
    } finally {
      await ok(["umount", directory]);
    }
  } finally {
    await Deno.remove(directory);
  }
  assert.deepEqual([0, 345_678, 120_400_000].map(megabytes), ["0.0 MB", "0.3 MB", "120 MB"]);
});
