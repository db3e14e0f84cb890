/**
 * Repeatable `KEY=VALUE` options. Pure.
 *
 * @module
 */
import { usageError } from "./usage.ts";

/** Parses `KEY=VALUE` texts; with `valueOptional` a bare `KEY` has the empty value. */
export function parseKeyValues(
  flag: string,
  texts: string[],
  { valueOptional = false } = {},
): Record<string, string> {
  // No prototype: a key may be called "__proto__".
  const values: Record<string, string> = Object.create(null);
  for (const text of texts) {
    const at = text.indexOf("=");
    if (at === 0 || (at < 0 && !valueOptional)) {
      throw usageError("", `Invalid ${flag} ${JSON.stringify(text)}; write it KEY=VALUE`);
    }
    const key = at < 0 ? text : text.slice(0, at);
    if (Object.hasOwn(values, key)) throw usageError("", `${flag} gives "${key}" twice`);
    values[key] = at < 0 ? "" : text.slice(at + 1);
  }
  return values;
}
