/**
 * The command tree, and how the program ends.
 *
 * @module
 */
import { Command, CommanderError, type Help } from "commander";
import { errorChain, isNetsvcError, NetsvcError } from "../lib/api/errors.ts";
import { SETTINGS } from "../lib/api/settings/settings.ts";
import { clientFor, print, QuietExit, warn } from "./context.ts";
import { isPlain, modulesFor } from "./modules.ts";
import { formatHelp } from "./options/help.ts";
import { commanderMessage, unknownCommand } from "./options/mistakes.ts";
import { addDaemonOptions, addGlobalOptions } from "./options/program_options.ts";
import type { GivenSettings } from "./options/settings.ts";
import { calledCommand, childOf } from "./options/tree.ts";
import { VERSION } from "./output/version.ts";

/** What the program can do besides speaking to a daemon. */
export interface ProgramHooks {
  /** Runs the daemon with these settings, by their long names, and those of a file, until it ends. */
  daemon: (given: GivenSettings, config?: string) => Promise<void>;
}

const USAGE_EXIT = 2;
/** The word by which a shell's completion asks what may come next. */
const COMPLETE = "__complete";

async function runRoot(program: Command, hooks: ProgramHooks): Promise<void> {
  const { version, daemon, config, debug, host, tlsCa: _, ...rest } = program.opts();
  if (version) return print(`netsvc version ${VERSION}\n`);
  if (!daemon) return print(program.helpInformation());
  const given = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [
      key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
      value,
    ]),
  );
  await hooks.daemon({
    ...given,
    ...host.length > 0 && { host },
    ...debug && { "log-level": "debug" },
  }, config);
}

/** A group's command without a verb shows its help; a wrong verb is an error. */
function groupAction(this: Command): void {
  const [word, ...rest] = this.args;
  if (word === undefined) return print(this.helpInformation());
  if (word !== "help") throw unknownCommand(this, word);
  const called = rest.reduce((group: Command, next) => {
    const found = childOf(group, next);
    if (found) return found;
    throw unknownCommand(group, next);
  }, this);
  print(called.helpInformation());
}

/** The tree, as far as a command line needs it; without one, the whole. */
export async function createProgram(hooks: ProgramHooks, words: string[] = []): Promise<Command> {
  const modules = await Promise.all(modulesFor(words).map(({ load }) => load()));
  const program = new Command("netsvc")
    .description("Networks and services for containers, on one host or many")
    .enablePositionalOptions()
    .helpOption("-h, --help", "Show this help");
  addGlobalOptions(program);
  if (!isPlain(words)) addDaemonOptions(program);
  for (const add of modules) add(program);
  const format = { formatHelp: (command: Command, helper: Help) => formatHelp(command, helper) };
  const visit = (command: Command) => {
    command.configureHelp(format).exitOverride().helpCommand(false).showSuggestionAfterError(false)
      .configureOutput({ writeOut: print, writeErr: () => {} });
    if (command.parent) command.helpOption("-h, --help", "Show this help");
    if (command.parent && command.commands.length > 0) {
      command.allowExcessArguments().action(groupAction);
    }
    for (const child of command.commands) visit(child);
  };
  visit(program);
  program.allowExcessArguments().action(async () => {
    if (program.args.length > 0) return groupAction.call(program);
    await runRoot(program, hooks);
  });
  return program;
}

/** Answers a shell that completes a command line. */
async function answerShell(words: string[], hooks: ProgramHooks): Promise<void> {
  const { complete } = await import("./completion/complete.ts");
  const program = await createProgram(hooks);
  const connect = (globals: Record<string, string>) => {
    for (const [name, value] of Object.entries(globals)) {
      program.setOptionValue(name, name === "host" ? [value] : value);
    }
    return clientFor(program, () => {});
  };
  const lines = await complete(words, { program, connect });
  print(`${lines.join("\n")}\n`);
}

function checkLevel(program: Command): void {
  const { logLevel } = program.opts();
  const { kind } = SETTINGS.logLevel;
  if (logLevel === undefined || kind.read(logLevel) !== undefined) return;
  throw new NetsvcError(
    "invalid",
    `Invalid --log-level ${JSON.stringify(logLevel)}: give ${kind.form}`,
    { exitCode: USAGE_EXIT },
  );
}

function report(error: NetsvcError, debug: boolean): void {
  const [first, ...causes] = errorChain(error);
  warn(first!);
  if (debug) { for (const cause of causes) warn(`  because: ${cause}`); }
}

/** Runs the program. @returns its exit status */
export async function main(words: string[], hooks: ProgramHooks): Promise<number> {
  if (words[0] === COMPLETE) {
    await answerShell(words.slice(1), hooks);
    return 0;
  }
  const program = await createProgram(hooks, words);
  program.hook("preSubcommand", () => checkLevel(program));
  program.hook("preAction", () => checkLevel(program));
  try {
    await program.parseAsync(words, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof QuietExit) return error.exitCode;
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0; // Help was asked for, and printed.
      warn(commanderMessage(error, calledCommand(program, words)));
      return USAGE_EXIT;
    }
    return reportAny(error, program.opts().debug === true);
  }
}

/**
 * Prints an error in one line, an unexpected one too.
 *
 * @param debug print the chain of causes, too
 * @returns the exit status
 */
export function reportAny(error: unknown, debug: boolean): number {
  if (isNetsvcError(error)) {
    report(error, debug);
    return error.exitCode;
  }
  const stack = error instanceof Error ? error.stack : undefined;
  warn(
    `An error that is netsvc's own fault: ${errorChain(error)[0]}` +
      (debug ? "" : "; run it with -D to see where"),
  );
  if (debug && stack !== undefined) warn(stack);
  return 1;
}
