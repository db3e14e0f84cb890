/**
 * Repeatable `KEY=VALUE` options. Pure.
 *
 * @module
 */
import { usageError } from "./usage.ts";

/** The command and flag that the texts belong to, and their rules. */
export interface KeyValueOptions {
  /** Words of the command, for messages. */
  command: string;
  flag: string;
  /** A bare `KEY` has the empty value. */
  valueOptional?: boolean;
  /** A key may come again. */
  lastWins?: boolean;
}

/** Parses `KEY=VALUE` texts of a flag of a command. @throws {NetsvcError} a usage error */
export function parseKeyValues(
  texts: string[],
  { command, flag, valueOptional = false, lastWins = false }: KeyValueOptions,
): Record<string, string> {
  // No prototype: a key may be called "__proto__".
  const values: Record<string, string> = Object.create(null);
  for (const text of texts) {
    const at = text.indexOf("=");
    // The empty text has no key, wherever a value may be left out.
    if (text === "" || at === 0 || (at < 0 && !valueOptional)) {
      throw usageError(command, `Invalid ${flag} ${JSON.stringify(text)}; write it KEY=VALUE`);
    }
    const key = at < 0 ? text : text.slice(0, at);
    if (!lastWins && Object.hasOwn(values, key)) {
      throw usageError(command, `${flag} gives "${key}" twice`);
    }
    values[key] = at < 0 ? "" : text.slice(at + 1);
  }
  return values;
}
