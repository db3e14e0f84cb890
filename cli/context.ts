/**
 * Shared by all commands: the client of the daemon that the global options name, and the output.
 *
 * @module
 */
import type { Command } from "commander";
import { errorChain, NetsvcError } from "../lib/api/errors.ts";
import { SETTINGS } from "../lib/api/settings/settings.ts";
import type { Progress } from "../lib/api/patience.ts";
import { Client } from "./client/client.ts";

/** Global options, as the root command has them. */
interface GlobalOptions {
  daemon?: boolean;
  host: string[];
  debug?: boolean;
  logLevel?: string;
  config?: string;
  tlsCa?: string;
  tokenFile?: string;
}

/** The global options, from any command of the tree. */
function globalOptions(command: Command): GlobalOptions {
  let root = command;
  while (root.parent) root = root.parent;
  return root.opts();
}

function readOption(flag: string, path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new NetsvcError("invalid", `Cannot read ${flag} "${path}": ${errorChain(error)[0]}`);
  }
}

/** A variable of the environment; an empty one counts as unset, as in other programs. */
function fromEnv(name: string): string | undefined {
  return Deno.env.get(name) || undefined;
}

/**
 * The client for a command.
 *
 * @param onStoreAway called when an answer may be old, with the seconds; warns unless given
 */
export function clientFor(command: Command, onStoreAway = warnOfAge): Client {
  const options = globalOptions(command);
  if (options.host.length > 1) {
    throw new NetsvcError("invalid", "A client speaks to one daemon; give -H once", {
      exitCode: 2,
    });
  }
  const host = options.host[0] ?? fromEnv("NETSVC_HOST") ?? SETTINGS.hosts.default[0]!;
  const tokenFile = options.tokenFile ?? fromEnv("NETSVC_TOKEN_FILE");
  const tlsCa = options.tlsCa ?? fromEnv("NETSVC_TLS_CA");
  return new Client({
    host,
    ...tokenFile !== undefined && { token: readOption("--token-file", tokenFile).trim() },
    ...tlsCa !== undefined && { tlsCa: readOption("--tls-ca", tlsCa) },
    onStoreAway,
    onStoreExposed: (what) => warn(`${what}; "netsvc doctor" says what to do`),
    onProgress: progressTeller(),
  });
}

/** Reports the progress of slow work now and then, at a terminal: a script is told what comes of it alone. */
function progressTeller(): (progress: Progress) => void {
  if (!Deno.stderr.isTerminal()) return () => {};
  let said = "";
  return ({ done, total, what }) => {
    const line = `${done} of ${total} ${what}`;
    if (line !== said) warn(line);
    said = line;
  };
}

let warnedOfAge = false;

/** Says it once: a command may ask several times. */
function warnOfAge(seconds: number): void {
  if (warnedOfAge) return;
  warnedOfAge = true;
  warn(`The store has not answered for ${seconds} s; other hosts are shown as last seen`);
}

const encoder = new TextEncoder();

/** Writes to standard output, all of it. */
export function print(text: string): void {
  write(encoder.encode(text));
}

/** Writes to standard output, all of it; `false` when its reader has gone: `netsvc … | head`. */
export function write(bytes: Uint8Array): boolean {
  try {
    for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return false;
    throw new NetsvcError(
      "unavailable",
      `Cannot write to standard output: ${errorChain(error)[0]}`,
      { cause: error },
    );
  }
}

/** Writes a line to standard error. */
export function warn(line: string): void {
  Deno.stderr.writeSync(encoder.encode(`netsvc: ${line}\n`));
}

/** Runs an action on several references, going on past failures; the first failure's status ends. */
export async function forEachReference(
  references: string[],
  action: (reference: string) => Promise<void>,
): Promise<void> {
  let exitCode = 0;
  for (const reference of references) {
    try {
      await action(reference);
    } catch (error) {
      if (references.length === 1 || !(error instanceof NetsvcError)) throw error;
      warn(error.message);
      exitCode ||= error.exitCode;
    }
  }
  if (exitCode !== 0) throw new QuietExit(exitCode);
}

/** Ends the program with a status; the error has been printed already. */
export class QuietExit extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`exit ${exitCode}`);
    this.exitCode = exitCode;
  }
}
