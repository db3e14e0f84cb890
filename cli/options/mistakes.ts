/**
 * Errors about unknown words of a command line.
 *
 * @module
 */
import type { Command, CommanderError } from "commander";
import type { NetsvcError } from "../../lib/api/errors.ts";
import { didYouMean, suggestion } from "../../lib/api/suggest.ts";
import { OTHER_OPTIONS, OTHER_WORDS } from "./other_words.ts";
import { commandPath } from "./tree.ts";
import { usageError } from "./usage.ts";

/** The error about a word that is no command of a group. */
export function unknownCommand(group: Command, word: string): NetsvcError {
  const path = commandPath(group);
  const known = group.commands.flatMap((c) => [c.name(), ...c.aliases()]);
  const meant = OTHER_WORDS[path]?.[word];
  const hint = meant ? suggestion(meant) : didYouMean(word, known);
  return usageError(
    path.replace(/^netsvc ?/, ""),
    `${JSON.stringify(word)} is not a ${path} command${hint}`,
  );
}

/** `error: unknown option '--x'` of commander, in netsvc's words. */
export function commanderMessage(error: CommanderError, called: Command): string {
  const text = error.message.replace(/^error: /, "").replaceAll("'", '"')
    .replaceAll(/\s*\n\s*/g, " ").replace(/\.$/, "");
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${optionHint(error, called)} ` +
    `(see '${commandPath(called)} --help')`;
}

/** Which option may have been meant by one that a command doesn't have. */
function optionHint(error: CommanderError, called: Command): string {
  const [, word] = error.message.match(/unknown option '([^'=]+)/) ?? [];
  if (error.code !== "commander.unknownOption" || word === undefined) return "";
  const known = called.options.flatMap(({ short, long }) => [short, long])
    .filter((flag) => flag !== undefined);
  const meant = OTHER_OPTIONS[word];
  if (meant !== undefined && known.includes(meant)) return suggestion([meant]);
  // A letter is near to every other one.
  return word.startsWith("--")
    ? didYouMean(word, [...known.filter((flag) => flag.startsWith("--")), "--help"])
    : "";
}
