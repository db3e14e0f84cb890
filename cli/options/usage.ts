/**
 * Mistakes on the command line: one line, and where to read more; exit status 2.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";

/** A usage error of a command, given with its words, e.g. `network create`. */
export function usageError(command: string, message: string): NetsvcError {
  const full = `netsvc${command ? ` ${command}` : ""}`;
  return new NetsvcError("invalid", `${message} (see '${full} --help')`, { exitCode: 2 });
}
