/**
 * Places in the tree of commands.
 *
 * @module
 */
import type { Command } from "commander";

/** Words of a command from the program on, e.g. `netsvc network create`. */
export function commandPath(command: Command): string {
  return command.parent ? `${commandPath(command.parent)} ${command.name()}` : command.name();
}

/** The child of a command by its name or another name of it. */
export function childOf(command: Command, word: string): Command | undefined {
  return command.commands.find((child) => child.name() === word || child.aliases().includes(word));
}

/** The command that words lead to. */
export function calledCommand(program: Command, words: string[]): Command {
  return words.reduce((command, word) => childOf(command, word) ?? command, program);
}
