/**
 * Help in the shape that Docker's users know.
 *
 * @module
 */
import type { Command, Help, Option } from "commander";
import { commandPath } from "./tree.ts";

const INDENT = "  ";
/** Blanks between the columns. */
const GAP = 3;

function optionTerm(option: Option): string {
  const placeholder = option.flags.match(/[<[][^>\]]+[>\]]/)?.[0].replaceAll(/[<>[\]]/g, "");
  const long = option.long ?? "";
  return `${option.short ? `${option.short}, ` : "    "}${long}${
    placeholder ? ` ${placeholder}` : ""
  }`;
}

function section(title: string, rows: [string, string][]): string {
  if (rows.length === 0) return "";
  const width = Math.max(...rows.map(([term]) => term.length)) + GAP;
  const lines = rows.map(([term, text]) => `${INDENT}${term.padEnd(width)}${text}`.trimEnd());
  return `\n${title}:\n${lines.join("\n")}\n`;
}

function optionText(option: Option): string {
  const { defaultValue, description } = option;
  const none = defaultValue === undefined || typeof defaultValue === "boolean" ||
    (Array.isArray(defaultValue) && defaultValue.length === 0);
  return none ? description : `${description} (default ${JSON.stringify(defaultValue)})`;
}

/** Options that a daemon has no use for. */
const CLIENT_ONLY = ["--tls-ca", "--version"];

/** The help of `netsvc -d`. */
function daemonHelp(command: Command, helper: Help): string {
  const options = sorted(helper.visibleOptions(command))
    .filter(({ long }) => !CLIENT_ONLY.includes(long ?? ""));
  const rows = options.map((option): [string, string] => [
    optionTerm(option),
    optionText(option).replace(/^Daemon: ./, (start) => start.at(-1)!.toUpperCase()),
  ]);
  return `Usage:  ${commandPath(command)} -d [OPTIONS]\n\nRun the daemon\n${
    section("Options", rows)
  }`;
}

function sorted(options: readonly Option[]): Option[] {
  return options.toSorted((a, b) => (a.long ?? "").localeCompare(b.long ?? ""));
}

/** The help of a command. */
export function formatHelp(command: Command, helper: Help): string {
  if (!command.parent && command.opts().daemon) return daemonHelp(command, helper);
  const path = commandPath(command);
  const commands = helper.visibleCommands(command).filter((c) => c.name() !== "help");
  const options = sorted(helper.visibleOptions(command));
  const group = commands.length > 0;
  const usage = `Usage:  ${path} ${
    group ? (command.parent ? "COMMAND" : "[OPTIONS] COMMAND") : command.usage()
  }`.trimEnd();
  const footer = group ? `\nRun '${path} COMMAND --help' for more information on a command.\n` : "";
  return `${usage}\n\n${command.description()}\n` +
    section("Options", options.map((option) => [optionTerm(option), optionText(option)])) +
    section("Commands", commands.map((c) => [c.name(), c.description()])) +
    footer;
}
