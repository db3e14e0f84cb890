/**
 * JSON as it is decoded in Go, for which plugins are written: field names match in any case, and `null` counts as
 * an absent field. Pure.
 *
 * @module
 */
import { z } from "zod";

/** An object with these fields; ignores others. */
export function goObject<T extends z.ZodRawShape>(shape: T) {
  const names = new Map(Object.keys(shape).map((name) => [name.toLowerCase(), name]));
  return z.preprocess((value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    const read: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(value)) {
      const name = names.get(key.toLowerCase());
      if (name !== undefined && item !== null) read[name] = item;
    }
    return read;
  }, z.object(shape));
}
