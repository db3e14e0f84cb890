import assert from "node:assert/strict";
import type { Command } from "commander";
import { run } from "../../tests/harness/command.ts";
import { createProgram } from "../program.ts";

const program = await createProgram({ daemon: () => Promise.resolve() });

function all(command: Command): Command[] {
  return [command, ...command.commands.flatMap(all)];
}

Deno.test("help has the shape that Docker's users know", () => {
  const root = program.helpInformation();
  assert.match(root, /^Usage: {2}netsvc \[OPTIONS\] COMMAND\n\n/);
  assert.match(root, /\nCommands:\n {2}network +Manage networks\n/);
  assert.match(root, /\nRun 'netsvc COMMAND --help' for more information on a command\.\n$/);
  const network = program.commands.find((c) => c.name() === "network")!;
  assert.equal(
    network.helpInformation(),
    `Usage:  netsvc network COMMAND

Manage networks

Options:
  -h, --help   Show this help

Commands:
  create    Create a network
  rm        Remove networks
  ls        List networks
  info      Show networks and their services
  inspect   Show networks and their services as JSON

Run 'netsvc network COMMAND --help' for more information on a command.
`,
  );
});

Deno.test("help is a word, too", async () => {
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const netsvc = (...words: string[]) => run([Deno.execPath(), "run", "-A", main, ...words]);
  assert.equal((await netsvc("help")).stdout, program.helpInformation());
  const create = await netsvc("network", "create", "--help");
  assert.match(create.stdout, /^Usage: {2}netsvc network create/);
  assert.deepEqual(await netsvc("help", "network", "create"), create);
  assert.deepEqual(await netsvc("network", "help", "create"), create);
});

Deno.test("the daemon has a help of its own", async () => {
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const { stdout } = await run([Deno.execPath(), "run", "-A", main, "-d", "--help"]);
  assert.match(stdout, /^Usage: {2}netsvc -d \[OPTIONS\]\n\nRun the daemon\n\nOptions:\n/);
  assert.match(stdout, /\n {6}--state-dir DIR +Directory of the state \(\/var\/lib\/netsvc\)\n/);
  assert.doesNotMatch(stdout, /Commands|Daemon: |--tls-ca/);
});

Deno.test("every command has a usage line, a description and described options", () => {
  for (const command of all(program)) {
    assert.match(command.helpInformation(), /^Usage: {2}netsvc/);
    assert.ok(command.description(), command.name());
    for (const option of command.options) assert.ok(option.description, option.flags);
  }
});
