/**
 * Paths of the API, as requests have them. Pure.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";

/**
 * A reference as a segment of a path. Empty and dotted ones would name another path.
 *
 * @throws {NetsvcError} `invalid`
 */
export function encodeRef(reference: string): string {
  if (!["", ".", ".."].includes(reference)) return encodeURIComponent(reference);
  throw new NetsvcError(
    "invalid",
    `Invalid reference ${JSON.stringify(reference)}; give a name, an id or the beginning of one`,
  );
}
