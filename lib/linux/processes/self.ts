/**
 * The command line that starts this program again, as a helper process.
 *
 * @module
 */

/** The words that start this program. */
export function ownWords(): string[] {
  if (Deno.build.standalone) return [Deno.execPath()];
  const main = new URL("../../../main.ts", import.meta.url).pathname;
  return [Deno.execPath(), "run", "-A", "--quiet", main];
}
