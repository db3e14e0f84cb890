/**
 * Text of somebody's on a terminal.
 *
 * @module
 */

/** Text of somebody's, as it can't spoil a listing or the terminal. */
export function printable(text: string): string {
  // deno-lint-ignore no-control-regex -- these are what it is about
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}
