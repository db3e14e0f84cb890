/**
 * Which module has which command.
 *
 * @module
 */
import type { Command } from "commander";

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
  {
    commands: ["cluster"],
    load: async () => (await import("./commands/cluster.ts")).addClusterCommands,
  },
  { commands: ["host"], load: async () => (await import("./commands/host.ts")).addHostCommands },
  { commands: ["run"], load: async () => (await import("./commands/run.ts")).addRunCommand },
  { commands: ["exec"], load: async () => (await import("./commands/exec.ts")).addExecCommand },
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
    load: async () => (await import("./commands/completion.ts")).addCompletionCommand,
  },
];
/** Words with which the program does something by itself. */
const OWN_WORDS = ["-d", "--daemon", "-v", "--version"];

/** The modules that a command line may need; all of them for help. */
export function modulesFor(words: string[]): typeof MODULES {
  const word = words[commandAt(words)];
  if (word !== undefined) return MODULES.filter(({ commands }) => commands.includes(word));
  return OWN_WORDS.some((word) => words.includes(word)) ? [] : MODULES;
}

/** Whether nothing but the daemon's address comes before the command: most calls are so. */
export function isPlain(words: string[]): boolean {
  const at = commandAt(words);
  const before = words.slice(0, at).filter((word) => word.startsWith("-"));
  return at >= 0 &&
    before.every((word) => /^(-H|--host(=|$))/.test(word));
}

/** Where the command is: the first word that one begins with. */
function commandAt(words: string[]): number {
  return words.findIndex((word) => MODULES.some(({ commands }) => commands.includes(word)));
}
