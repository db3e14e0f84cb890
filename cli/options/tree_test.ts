import assert from "node:assert/strict";
import { Command } from "commander";
import { calledCommand, childOf, commandPath } from "./tree.ts";

const program = new Command("netsvc");
const ls = program.command("network").command("ls").alias("list");

Deno.test("a command is found by either of its names, and tells its words", () => {
  assert.equal(commandPath(ls), "netsvc network ls");
  assert.equal(childOf(program.commands[0]!, "list"), ls);
  assert.equal(childOf(program, "list"), undefined);
  assert.equal(calledCommand(program, ["-H", "x", "network", "list", "-q"]), ls);
});
