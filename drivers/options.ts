/**
 * Network options (`-o KEY=VALUE`) that every driver shares, and how drivers read theirs. Pure.
 *
 * @module
 */
import { NetsvcError } from "../lib/api/errors.ts";

/** Checks one option's value and returns it in a driver's terms. */
export type OptionReader<T> = (key: string, value: string) => T;

function refuse(key: string, value: string, remedy: string): never {
  throw new NetsvcError("invalid", `Invalid option ${key}=${JSON.stringify(value)}: ${remedy}`);
}

/** The driver has no option of that name. */
export class UnknownOption extends NetsvcError {}

/** `true` or `false` (also `1`, `0`). */
export const booleanOption: OptionReader<boolean> = (key, value) => {
  if (value === "true" || value === "1") return true;
  if (value === "false" || value === "0") return false;
  return refuse(key, value, `use "true" or "false"`);
};

/** A whole number between bounds. */
export function integerOption(min: number, max: number): OptionReader<number> {
  return (key, value) => {
    const n = /^\d{1,9}$/.test(value) ? Number(value) : NaN;
    return n >= min && n <= max ? n : refuse(key, value, `use a number from ${min} to ${max}`);
  };
}

/** A text that matches a pattern. */
export function textOption(pattern: RegExp, remedy: string): OptionReader<string> {
  return (key, value) => pattern.test(value) ? value : refuse(key, value, remedy);
}

/** One of a few words. */
export function wordOption<T extends string>(...words: T[]): OptionReader<T> {
  return (key, value) =>
    (words as string[]).includes(value)
      ? value as T
      : refuse(key, value, `use ${words.map((word) => JSON.stringify(word)).join(" or ")}`);
}

/** Options of every driver: `ttl`, the time to live of names, in seconds. */
export const COMMON_OPTIONS = { ttl: integerOption(0, 3600) };

/** The options of a driver, by name. */
export interface OptionTable<T> {
  /** For messages. */
  driver: string;
  readers: T;
  /** Docker's long keys, and ours. */
  aliases?: Record<string, string>;
}

/**
 * Reads options according to a table.
 *
 * @throws {NetsvcError} `invalid`
 */
export function readOptions<T extends Record<string, OptionReader<unknown>>>(
  options: Record<string, string>,
  { driver, readers, aliases = {} }: OptionTable<T>,
): { [K in keyof T]?: ReturnType<T[K]> } {
  const read: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(options)) {
    const name = aliases[key] ?? key;
    const reader = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (!reader) {
      throw new UnknownOption(
        "invalid",
        `Unknown option ${JSON.stringify(key)} of the driver "${driver}"; known: ` +
          Object.keys(readers).sort().join(", "),
      );
    }
    read[name] = reader(key, value);
  }
  return read as { [K in keyof T]?: ReturnType<T[K]> };
}
