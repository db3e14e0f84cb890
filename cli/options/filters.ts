/**
 * `-f KEY=VALUE`: different keys must all fit, of one key any value. Pure.
 *
 * @module
 */
import { didYouMean } from "../../lib/api/suggest.ts";
import { usageError } from "./usage.ts";

/** Whether an item fits a filter's value, by key. */
export type Filters<T> = Record<string, (item: T, value: string) => boolean>;

/**
 * Whether an item fits all that was given.
 *
 * @throws {NetsvcError} a usage error of the command, that lists the keys
 */
export function parseFilters<T>(
  command: string,
  given: string[],
  known: Filters<T>,
): (item: T) => boolean {
  const wanted = new Map<string, string[]>();
  for (const filter of given) {
    const at = filter.indexOf("=");
    const key = at < 0 ? filter : filter.slice(0, at);
    if (at <= 0 || !Object.hasOwn(known, key)) {
      const hint = at > 0 ? didYouMean(key, Object.keys(known)) : "";
      throw usageError(
        command,
        `Invalid filter ${JSON.stringify(filter)}${hint || ";"} ${
          hint ? "Write" : "write"
        } KEY=VALUE ` +
          `with one of the keys: ${Object.keys(known).sort().join(", ")}`,
      );
    }
    wanted.set(key, [...wanted.get(key) ?? [], filter.slice(at + 1)]);
  }
  return (item) =>
    [...wanted].every(([key, values]) => values.some((value) => known[key]!(item, value)));
}
