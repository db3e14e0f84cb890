/**
 * Untrusted text on a terminal.
 *
 * @module
 */

/** Control characters, and those of Unicode that turn the direction of a line, or can't be seen. */
// deno-lint-ignore no-control-regex -- these are what it is about
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+/g;

/** Untrusted text without characters that could garble a listing or the terminal. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, " ");
}
