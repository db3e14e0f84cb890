/**
 * `?filters=` of lists. Pure.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { Network } from "../../../lib/api/types.ts";

/** Filters by name; each has at least one value. */
export type Filters = Map<string, string[]>;

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const TYPES = ["custom", "builtin"];
const TRUE = ["true", "1"];
const FALSE = ["false", "0"];

function invalid(name: string, value: string): NetsvcError {
  return new NetsvcError("invalid", `invalid filter '${name}=${value}'`);
}

/**
 * Parses filters, `{"name": {"value": true}}` or, as before version 1.22, `{"name": ["value"]}`.
 *
 * @param known names of all valid filters; without it every name is accepted
 * @throws {NetsvcError} `invalid`
 */
export function parseFilters(text: string | undefined, known?: string[]): Filters {
  const filters: Filters = new Map();
  if (text === undefined || text === "") return filters;
  for (const [name, value] of Object.entries(parseObject(text))) {
    if (known && !known.includes(name)) {
      throw new NetsvcError("invalid", `invalid filter '${name}'`);
    }
    const values = Array.isArray(value)
      ? value
      : Object.keys(Object(value)).filter((key) =>
        (value as Record<string, unknown>)[key] !== false
      );
    if (values.length > 0) filters.set(name, values.map(String));
  }
  return filters;
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new NetsvcError("invalid", "The filters are no JSON", { cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new NetsvcError("invalid", "The filters are no JSON object");
}

/** Whether labels match `KEY` or `KEY=VALUE`. */
function hasLabel(labels: Record<string, string>, wanted: string): boolean {
  const at = wanted.indexOf("=");
  const key = at < 0 ? wanted : wanted.slice(0, at);
  if (!Object.hasOwn(labels, key)) return false;
  return at < 0 || labels[key] === wanted.slice(at + 1);
}

/** Whether a regular expression, which Docker's name filters are, matches a part of a text. */
function fitsPattern(text: string, pattern: string): boolean {
  if (text.includes(pattern)) return true;
  // A repeated group can backtrack exponentially in JavaScript, unlike in Go's engine.
  if (/\)[*+?{]/.test(pattern)) return false;
  try {
    return new RegExp(pattern).test(text);
  } catch {
    return false;
  }
}

/** The value of a boolean filter. @throws {NetsvcError} `invalid` */
function booleanFilter(filters: Filters, name: string): boolean | undefined {
  const values = filters.get(name);
  if (!values) return undefined;
  const [value] = values;
  if (values.length > 1 || ![...TRUE, ...FALSE].includes(value!.toLowerCase())) {
    throw invalid(name, values.join(","));
  }
  return TRUE.includes(value!.toLowerCase());
}

/** Filters of the list of networks. */
export const NETWORK_FILTERS = ["dangling", "driver", "id", "label", "name", "scope", "type"];
/** Filters of pruning. */
export const PRUNE_FILTERS = ["label", "label!", "until"];

/**
 * Whether a network matches all label filters, and one value of every other filter. Names and ids match by a
 * part, or by a regular expression, as with Docker.
 *
 * @param network `used`: whether the network has endpoints
 * @throws {NetsvcError} `invalid` for an invalid value
 */
export function fitsNetwork(
  network: Pick<Network, "id" | "name" | "driver" | "scope" | "labels" | "predefined"> & {
    used: boolean;
  },
  filters: Filters,
): boolean {
  const dangling = booleanFilter(filters, "dangling");
  const type = filters.get("type");
  const wrong = type?.find((value) => !TYPES.includes(value));
  if (wrong !== undefined) throw invalid("type", wrong);
  const any = (name: string, fits: (value: string) => boolean) =>
    filters.get(name)?.some(fits) ?? true;
  return (dangling === undefined || dangling === (!network.used && !network.predefined)) &&
    any("driver", (value) => value === network.driver) &&
    any("id", (value) => fitsPattern(network.id, value)) &&
    any("name", (value) => fitsPattern(network.name, value)) &&
    any("scope", (value) => value === network.scope) &&
    any("type", (value) => (value === "builtin") === network.predefined) &&
    (filters.get("label") ?? []).every((label) => hasLabel(network.labels, label));
}

/** Whether a network may be pruned. @throws {NetsvcError} `invalid` */
export function fitsPrune(network: Network, filters: Filters, now = Date.now()): boolean {
  const until = filters.get("until");
  if (until && until.length > 1) throw invalid("until", until.join(","));
  return (!until || Date.parse(network.created) < parseMoment("until", until[0]!, now)) &&
    (filters.get("label") ?? []).every((label) => hasLabel(network.labels, label)) &&
    (filters.get("label!") ?? []).every((label) => !hasLabel(network.labels, label));
}

/** Parses a time (RFC 3339, Unix seconds, or a duration before now as `1h30m`) into Unix milliseconds. */
export function parseMoment(name: string, text: string, now = Date.now()): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  if (parts.length > 0 && parts.map(([part]) => part).join("") === text) {
    return now - parts.reduce((sum, [, n, unit]) => sum + Number(n) * UNITS[unit!]!, 0);
  }
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw invalid(name, text);
  return time;
}
