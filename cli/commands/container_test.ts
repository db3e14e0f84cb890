import assert from "node:assert/strict";
import { commandLine, problem } from "../../tests/harness/command_line.ts";

const CONTAINER = {
  ...{
    id: "a".repeat(64),
    name: "c",
    state: "running",
    runtime: "netsvc",
    hostname: "c",
    networkMode: "networks",
  },
  ...{ created: "2026-01-01T00:00:00.000Z", services: [], ports: [], labels: {}, pid: 1 },
};

Deno.test("container kill sends the signal that is named, to each", async () => {
  const { asked, code } = await commandLine(["kill", "-s", "HUP", "a", "b"], () => CONTAINER);
  assert.equal(code, 0);
  assert.deepEqual(asked.map(({ what }) => what), [
    "POST /containers/a/kill",
    "POST /containers/b/kill",
  ]);
  assert.match(JSON.stringify(asked[0]!.body), /HUP/);
});

Deno.test("container ls -q prints the ids of all, of ended ones too, with -a or without", async () => {
  const all = [CONTAINER, { ...CONTAINER, id: "b".repeat(64), state: "exited" }];
  for (const words of [["ps", "-q"], ["ps", "-a", "-q"], ["container", "ls", "-q"]]) {
    const { stdout } = await commandLine(words, () => all);
    assert.equal(stdout, "aaaaaaaaaaaa\nbbbbbbbbbbbb\n", words.join(" "));
  }
  const { stdout } = await commandLine(["ps", "-q", "-f", "state=running"], () => all);
  assert.equal(stdout, "aaaaaaaaaaaa\n");
});

Deno.test("container rm says what is refused, in the daemon's words", async () => {
  const { stderr, code } = await commandLine(
    ["rm", "c"],
    () => problem(409, "in_use", `The container "c" runs; stop it first`),
  );
  assert.equal(code, 1);
  assert.match(stderr, /The container "c" runs; stop it first/);
});
