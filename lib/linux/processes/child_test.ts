import assert from "node:assert/strict";
import { startChild } from "./child.ts";

async function environmentOf(options: Parameters<typeof startChild>[1]): Promise<string[]> {
  const { stdout } = await startChild("env", { ...options, stdout: "piped" }).output();
  return new TextDecoder().decode(stdout).trim().split("\n").map((line) => line.split("=")[0]!);
}

Deno.test("a child gets a path, plain English, what it is given, and nothing else of ours", async () => {
  Deno.env.set("NETSVC_TEST_SECRET", "x");
  try {
    assert.deepEqual((await environmentOf({ env: { OWN: "1" } })).sort(), [
      "LC_ALL",
      "OWN",
      "PATH",
    ]);
    const named = await environmentOf({ inherit: /^NETSVC_TEST_/ });
    assert.ok(named.includes("NETSVC_TEST_SECRET"));
  } finally {
    Deno.env.delete("NETSVC_TEST_SECRET");
  }
});

Deno.test("nothing has a library loaded into a child, whoever names it", async () => {
  Deno.env.set("LD_NETSVC_TEST", "x");
  try {
    assert.ok(!(await environmentOf({ inherit: /./ })).includes("LD_NETSVC_TEST"));
  } finally {
    Deno.env.delete("LD_NETSVC_TEST");
  }
});

Deno.test("a program that isn't there is told at once", () => {
  assert.throws(() => startChild("netsvc-no-such-program"), Deno.errors.NotFound);
});
