import assert from "node:assert/strict";
import { commandLine, problem } from "../../tests/harness/command_line.ts";

Deno.test("inspect looks for a name among all kinds, and shows what it finds as JSON", async () => {
  const { stdout, code } = await commandLine(
    ["inspect", "prod"],
    (what) =>
      what === "GET /networks/prod"
        ? { id: "a", name: "prod" }
        : problem(404, "not_found", "No such thing"),
  );
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), [{ id: "a", name: "prod" }]);
});

Deno.test("what is nowhere is said in one line", async () => {
  const { stderr, code } = await commandLine(
    ["inspect", "none"],
    () => problem(404, "not_found", "No such thing"),
  );
  assert.equal(code, 1);
  assert.match(stderr, /^netsvc: [^\n]*none[^\n]*\n$/);
});
