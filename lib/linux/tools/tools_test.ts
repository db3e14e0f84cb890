import assert from "node:assert/strict";
import { findProgram, installHint, TOOLS } from "./tools.ts";

Deno.test("a program is found by PATH, if it can be run", async () => {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-" });
  const path = Deno.env.get("PATH")!;
  try {
    await Deno.writeTextFile(`${directory}/mine`, "", { mode: 0o644 });
    Deno.env.set("PATH", `/nowhere:${directory}`);
    assert.equal(findProgram("mine"), undefined);
    await Deno.chmod(`${directory}/mine`, 0o755);
    assert.equal(findProgram("mine"), `${directory}/mine`);
    await Deno.mkdir(`${directory}/dir`);
    assert.equal(findProgram("dir"), undefined);
  } finally {
    Deno.env.set("PATH", path);
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("every program has the package that brings it", () => {
  for (const name of Object.keys(TOOLS)) {
    assert.match(installHint(name), /^Install it: apt-get install [a-z0-9-]+$/);
  }
});
