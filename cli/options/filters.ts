/**
 * `-f KEY=VALUE`: different keys must all fit, of one key any value. Pure.
 *
 * @module
 */
import { didYouMean } from "../../lib/api/suggest.ts";
import { usageError } from "./usage.ts";

type Fits<T> = (item: T, value: string) => boolean;

/** How a filter's value is held against an item; with all values that there are, where they are few. */
export type Filter<T> = Fits<T> | { values: readonly string[]; fits: Fits<T> };

/** Filters by key. */
export type Filters<T> = Record<string, Filter<T>>;

/** A command that shows the matches. */
export interface Filtered<T> {
  /** Its words, for messages. */
  command: string;
  filters: Filters<T>;
}

/** A filter of something that has one of few values. */
export function oneOf<T, V extends string>(
  values: readonly V[],
  get: (item: T) => V,
): Filter<T> {
  return { values, fits: (item, value) => get(item) === value };
}

/** The words that complete a filter. */
export function filterWords<T>(known: Filters<T>): string[] {
  return Object.entries(known).flatMap(([key, filter]) =>
    typeof filter === "function" ? `${key}=` : filter.values.map((value) => `${key}=${value}`)
  );
}

/** One filter as it was given: its key and value. @throws {NetsvcError} a usage error */
function parse<T>(filter: string, { command, filters: known }: Filtered<T>): [string, string] {
  const at = filter.indexOf("=");
  const key = at < 0 ? filter : filter.slice(0, at);
  if (at <= 0 || !Object.hasOwn(known, key)) {
    const hint = at > 0 ? didYouMean(key, Object.keys(known)) : "";
    throw usageError(
      command,
      `Invalid filter ${JSON.stringify(filter)}${hint || ";"} ${hint ? "Write" : "write"} ` +
        `KEY=VALUE with one of the keys: ${Object.keys(known).sort().join(", ")}`,
    );
  }
  const value = filter.slice(at + 1);
  const one = known[key]!;
  if (typeof one === "function" || one.values.includes(value)) return [key, value];
  const hint = didYouMean(value, one.values);
  throw usageError(
    command,
    `Invalid filter ${JSON.stringify(filter)}${hint || ";"} ${hint ? "Use" : "use"} ` +
      `one of the values: ${one.values.join(", ")}`,
  );
}

/**
 * Whether an item fits all that was given.
 *
 * @throws {NetsvcError} a usage error of the command, that lists the keys, or the values of one
 */
export function parseFilters<T>(
  given: string[],
  { command, filters }: Filtered<T>,
): (item: T) => boolean {
  const wanted = new Map<string, string[]>();
  for (const filter of given) {
    const [key, value] = parse(filter, { command, filters });
    wanted.set(key, [...wanted.get(key) ?? [], value]);
  }
  return (item) =>
    [...wanted].every(([key, values]) => {
      const filter = filters[key]!;
      const fits = typeof filter === "function" ? filter : filter.fits;
      return values.some((value) => fits(item, value));
    });
}
