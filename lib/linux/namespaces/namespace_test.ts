import assert from "node:assert/strict";
import { ok } from "../../../tests/harness/command.ts";
import { inNamespace } from "./namespace.ts";

Deno.test("inNamespace - doesn't wait for the other end of a FIFO", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await ok(["mkfifo", `${directory}/namespace`]);
    assert.throws(() => inNamespace(`${directory}/namespace`, () => {}), /Invalid argument/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
