import assert from "node:assert/strict";
import { run } from "../tests/harness/command.ts";
import { createProgram } from "./program.ts";

/** What bash offers after some words. */
async function complete(script: string, ...words: string[]): Promise<string[]> {
  const { stdout, stderr, code } = await run([
    "bash",
    "-c",
    `
    netsvc() { [ "$2" = ls ] && case "$1" in network) echo foo bar ;; container) echo web ;; service) echo db.foo ;; esac; }
    source "$1"; shift
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _netsvc; printf '%s\\n' "\${COMPREPLY[@]}"
  `,
    "bash",
    script,
    "netsvc",
    ...words,
  ]);
  assert.equal(code, 0, stderr);
  return stdout.trim().split("\n");
}

Deno.test("completion scripts complete commands, flags and names", async () => {
  const file = await Deno.makeTempFile();
  const { stdout } = await run([
    Deno.execPath(),
    "run",
    "-A",
    new URL("../main.ts", import.meta.url).pathname,
    "completion",
    "bash",
  ]);
  await Deno.writeTextFile(file, stdout);
  try {
    assert.deepEqual(await complete(file, "net"), ["network"]);
    assert.deepEqual(await complete(file, "network", ""), ["create", "rm", "ls", "info"]);
    assert.deepEqual(await complete(file, "network", "rm", ""), ["foo", "bar"]);
    assert.deepEqual(await complete(file, "service", "attach", ""), ["web"]);
    assert.deepEqual(await complete(file, "service", "attach", "web", "d"), ["db.foo"]);
    assert.deepEqual(await complete(file, "network", "create", "--sub"), ["--subnet"]);
    assert.deepEqual(await complete(file, "run", "--net", "f"), ["foo"]);
    assert.deepEqual(await complete(file, "run", "--publish-service", ""), ["db.foo"]);
    assert.deepEqual(await complete(file, "completion", ""), ["bash", "zsh", "fish"]);
    // The value of an option is no argument.
    assert.deepEqual(await complete(file, "-H", "unix:///x", "network", "rm", ""), ["foo", "bar"]);
    assert.deepEqual(await complete(file, "service", "attach", "--alias", "a:b", ""), ["web"]);
    assert.deepEqual(await complete(file, "network", "create", "--subnet", ""), [""]);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("completion knows bash, zsh and fish", async () => {
  const program = await createProgram({ daemon: () => Promise.resolve() });
  await assert.rejects(
    program.parseAsync(["completion", "tcsh"], { from: "user" }),
    /Unknown shell "tcsh"; use bash, zsh or fish/,
  );
});
