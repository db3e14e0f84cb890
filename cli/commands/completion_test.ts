import assert from "node:assert/strict";
import { commandLine } from "../../tests/harness/command_line.ts";

for (const shell of ["bash", "zsh", "fish"]) {
  Deno.test(`the completion of ${shell} is a script that asks the program`, async () => {
    const { asked, stdout, code } = await commandLine(["completion", shell], () => null);
    assert.deepEqual(asked, []);
    assert.match(stdout, /__complete/);
    assert.equal(code, 0);
  });
}

Deno.test("another shell is refused by its name", async () => {
  const { stderr, code } = await commandLine(["completion", "tcsh"], () => null);
  assert.equal(code, 2);
  assert.match(stderr, /tcsh/);
});
