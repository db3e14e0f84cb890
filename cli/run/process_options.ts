/**
 * Options of a process, of `run` and `exec`, and how netsvc's own failures end.
 *
 * @module
 */
import type { Command } from "commander";
import { NetsvcError } from "../../lib/api/errors.ts";
import { option } from "../completion/declare.ts";
import { collect } from "../options/collect.ts";
import { parseKeyValues } from "../options/key_values.ts";

/** Exit status of netsvc's own failures, as of `docker run`. */
const OWN_FAILURE = 125;

/** Options of a process. */
export interface ProcessOptions {
  interactive?: boolean;
  tty?: boolean;
  env: string[];
  workdir?: string;
}

/** Adds {@linkcode ProcessOptions}. */
export function addProcessOptions(command: Command): Command {
  return command
    .option("-i, --interactive", "Pass standard input on")
    .option("-t, --tty", "Give it a terminal")
    .option("-e, --env <KEY=VALUE>", "Environment variable (repeatable)", collect, [])
    .addOption(option("-w, --workdir <DIR>", "Directory to work in").completedBy("files"));
}

/** The fields of a request about its process. */
export function processSpec(
  command: string[],
  options: ProcessOptions & { of: string },
) {
  return {
    command,
    env: parseKeyValues(options.env.flatMap(inherited), {
      command: options.of,
      flag: "--env",
      lastWins: true,
    }),
    ...options.workdir !== undefined && { workdir: options.workdir },
    tty: options.tty ?? false,
    interactive: options.interactive ?? false,
  };
}

/** `-e KEY` alone passes this program's own value on, if there is one. */
function inherited(text: string): string[] {
  if (text === "" || text.includes("=")) return [text];
  const own = Deno.env.get(text);
  return own === undefined ? [] : [`${text}=${own}`];
}

/** netsvc's own failures end with 125, unless the daemon knows a better status. */
export async function own<T>(action: Promise<T>): Promise<T> {
  try {
    return await action;
  } catch (error) {
    if (!(error instanceof NetsvcError)) throw error;
    const exitCode = error.exitCode === 1 ? OWN_FAILURE : error.exitCode;
    throw new NetsvcError(error.code, error.message, { cause: error.cause, exitCode });
  }
}
