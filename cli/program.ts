/**
 * The command tree, and how the program ends.
 *
 * @module
 */
import { Command, CommanderError, type Help, Option } from "commander";
import { errorChain, isNetsvcError, NetsvcError } from "../lib/api/errors.ts";
import { print, QuietExit, warn } from "./context.ts";
import { LOG_LEVELS, type Setting, SETTINGS } from "../lib/api/settings/settings.ts";
import type { GivenSettings } from "./options/settings.ts";
import { commandPath, formatHelp } from "./options/help.ts";
import { didYouMean, suggestion } from "../lib/api/suggest.ts";
import { collect } from "./options/collect.ts";
import { OTHER_OPTIONS, OTHER_WORDS } from "./options/other_words.ts";
import { VERSION } from "./output/version.ts";

/** What the program can do besides speaking to a daemon. */
export interface ProgramHooks {
  /** Runs the daemon with these settings, by their long names, and those of a file, until it ends. */
  daemon: (given: GivenSettings, config?: string) => Promise<void>;
}

const USAGE_EXIT = 2;

/** Settings of the daemon on the command line besides those that the client has too. */
function addDaemonOptions(program: Command): Command {
  program.option("-d, --daemon", "Run the daemon");
  for (const setting of Object.values<Setting>(SETTINGS)) {
    if (setting.help !== undefined) program.addOption(settingOption(setting));
  }
  return program;
}

function settingOption({ name, kind, placeholder, help, default: value }: Setting): Option {
  const word = { required: ` <${placeholder}>`, optional: ` [${placeholder}]`, none: "" };
  const usual = ["string", "number"].includes(typeof value) ? ` (${value})` : "";
  const option = new Option(`--${name}${word[kind.value]}`, `Daemon: ${help}${usual}`);
  return kind.repeatable ? option.argParser(collect) : option;
}

function addGlobalOptions(program: Command): Command {
  return program
    .option(
      "-H, --host <URL>",
      "Daemon's address: unix:///PATH, tcp://HOST:PORT or tls://HOST:PORT",
      collect,
      [],
    )
    .option("-l, --log-level <LEVEL>", `One of ${LOG_LEVELS.join(", ")}`)
    .option("-D, --debug", "Tell more: causes of errors; the daemon logs at level debug")
    .option("--config <FILE>", "Settings of the daemon, YAML or JSON, by their long names")
    .option("--token-file <FILE>", "File with the bearer token for TCP")
    .option("--tls-ca <FILE>", "Certificates that vouch for the daemon's; TCP is then TLS")
    .option("-v, --version", "Print the version");
}

/** Whether nothing but the daemon's address comes before the command: most calls are so. */
function isPlain(words: string[]): boolean {
  const at = commandAt(words);
  const before = words.slice(0, at).filter((word) => word.startsWith("-"));
  return at >= 0 && words[at] !== "completion" &&
    before.every((word) => /^(-H|--host(=|$))/.test(word));
}

/** Where the command is: the first word that one begins with. */
function commandAt(words: string[]): number {
  return words.findIndex((word) => MODULES.some(({ commands }) => commands.includes(word)));
}

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

/** A group's command without a verb shows its help; with a wrong one, says so. */
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

function childOf(command: Command, word: string): Command | undefined {
  return command.commands.find((c) => c.name() === word || c.aliases().includes(word));
}

function unknownCommand(group: Command, word: string): NetsvcError {
  const path = commandPath(group);
  const known = group.commands.flatMap((c) => [c.name(), ...c.aliases()]);
  const meant = OTHER_WORDS[path]?.[word];
  const hint = meant ? suggestion(meant) : didYouMean(word, known);
  return new NetsvcError(
    "invalid",
    `${JSON.stringify(word)} is no ${path} command${hint} (see '${path} --help')`,
    { exitCode: USAGE_EXIT },
  );
}

type AddCommands = (program: Command) => void;

/**
 * Commands by the module that has them. A client starts in a few hundredths of a second, and loading
 * the modules that it doesn't need would be a good part of that.
 */
const MODULES: { commands: string[]; load: () => Promise<AddCommands> }[] = [
  {
    commands: ["network"],
    load: async () => (await import("./commands/network.ts")).addNetworkCommands,
  },
  {
    commands: ["service"],
    load: async () => (await import("./commands/service.ts")).addServiceCommands,
  },
  {
    commands: ["container", "ps", "logs", "stop", "start", "restart", "kill", "rm"],
    load: async () => (await import("./commands/container.ts")).addContainerCommands,
  },
  { commands: ["host"], load: async () => (await import("./commands/host.ts")).addHostCommands },
  {
    commands: ["run", "exec"],
    load: async () => (await import("./commands/run.ts")).addRunCommands,
  },
  {
    commands: ["version", "events"],
    load: async () => (await import("./commands/system.ts")).addSystemCommands,
  },
  {
    commands: ["inspect"],
    load: async () => (await import("./commands/inspect.ts")).addInspectCommand,
  },
  {
    commands: ["doctor"],
    load: async () => (await import("./commands/doctor.ts")).addDoctorCommand,
  },
  {
    commands: ["completion"],
    load: async () => (await import("./completion/completion.ts")).addCompletionCommand,
  },
];
/** Words with which the program does something by itself. */
const OWN_WORDS = ["-d", "--daemon", "-v", "--version"];

/** The modules that a command line may need; all of them for help, and for `completion`. */
function modulesFor(words: string[]) {
  const word = words[commandAt(words)];
  if (word === "completion") return MODULES;
  if (word !== undefined) return MODULES.filter(({ commands }) => commands.includes(word));
  return OWN_WORDS.some((word) => words.includes(word)) ? [] : MODULES;
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

/** The command that the words lead to, for messages. */
function calledCommand(program: Command, words: string[]): Command {
  let command = program;
  for (const word of words) command = childOf(command, word) ?? command;
  return command;
}

/** `error: unknown option '--x'` of commander, in netsvc's words. */
function commanderMessage(error: CommanderError, called: Command): string {
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

/** Runs the program and gives its exit status. */
export async function main(words: string[], hooks: ProgramHooks): Promise<number> {
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
 * Says what went wrong in one line, also where nobody foresaw it.
 *
 * @param debug say what led to it, too
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
