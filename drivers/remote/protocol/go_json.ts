/**
 * JSON as Go's decoder, for which plugins are written, reads it: names of fields in any case, and
 * `null` as if the field weren't there. Pure.
 *
 * @module
 */
import { z } from "zod";

/** An object with these fields; others are passed over. */
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
