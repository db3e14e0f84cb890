import assert from "node:assert/strict";
import { didYouMean, nearest } from "./suggest.ts";

Deno.test("nearest() finds what was mistyped, and nothing where nothing is near", () => {
  const verbs = ["create", "rm", "ls", "info", "list"];
  const cases: [string, string[]][] = [
    ["crate", ["create"]],
    ["creat", ["create"]],
    ["carete", ["create"]],
    ["CREATE", ["create"]],
    ["lss", ["ls"]],
    ["inf", ["info"]],
    ["x", []],
    ["", []],
    ["frob", []],
    ["x".repeat(5000), []],
  ];
  for (const [word, found] of cases) assert.deepEqual(nearest(word, verbs), found, word);
  assert.deepEqual(nearest("brdige", ["bridge", "host", "null"]), ["bridge"]);
  assert.deepEqual(nearest("--formt", ["--format", "--filter", "--no-trunc"])[0], "--format");
  assert.deepEqual(nearest("app", ["", "a", "app-a", "app-b"]), ["app-a", "app-b"]);
  assert.deepEqual(nearest("-x", ["-q", "-f"]), []);
});

Deno.test("didYouMean() is a question", () => {
  assert.equal(didYouMean("lss", ["ls", "rm"]), `; did you mean "ls"?`);
  assert.equal(didYouMean("ab", ["abc", "abd"]), `; did you mean "abc" or "abd"?`);
  assert.equal(didYouMean("frob", ["ls"]), "");
});
