import assert from "node:assert/strict";
import { commandLine } from "../../tests/harness/command_line.ts";

Deno.test("host rm asks for each host that is named", async () => {
  const { asked, code } = await commandLine(
    ["host", "rm", "h1", "h2"],
    () => ({ name: "h", cut: [] }),
  );
  assert.equal(code, 0);
  assert.deepEqual(asked.map(({ what }) => what.replace(/\?.*/, "")), [
    "DELETE /hosts/h1",
    "DELETE /hosts/h2",
  ]);
});

Deno.test("host ls refuses a format that it doesn't know before the daemon is asked", async () => {
  const { asked, code } = await commandLine(["host", "ls", "--format", "jsno"], () => []);
  assert.deepEqual(asked, []);
  assert.equal(code, 2);
});
