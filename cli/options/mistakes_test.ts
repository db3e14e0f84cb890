import assert from "node:assert/strict";
import { Command, CommanderError } from "commander";
import { commanderMessage, unknownCommand } from "./mistakes.ts";

function group(): Command {
  const network = new Command("netsvc").command("network");
  network.command("ls").alias("list");
  network.command("create").option("-o, --opt <X>").option("--subnet <X>");
  return network;
}

Deno.test("a word that is near to a command, or another program's, is told what was meant", () => {
  assert.match(
    unknownCommand(group(), "lis").message,
    /"lis" is not a netsvc network command.*"list?"/,
  );
  assert.match(unknownCommand(group(), "connect").message, /service attach/);
  assert.doesNotMatch(unknownCommand(group(), "zzzzzz").message, /did you mean/i);
  assert.equal(unknownCommand(group(), "x").exitCode, 2);
});

Deno.test("an option that isn't known is told likewise, in one line", () => {
  const create = group().commands.find((command) => command.name() === "create")!;
  const told = (word: string) =>
    commanderMessage(
      new CommanderError(1, "commander.unknownOption", `error: unknown option '${word}'`),
      create,
    );
  assert.match(
    told("--subnt"),
    /^Unknown option "--subnt".*--subnet.*\(see 'netsvc network create --help'\)$/,
  );
  assert.match(told("--driver-opt"), /--opt/);
  assert.doesNotMatch(told("-z"), /mean/);
});
