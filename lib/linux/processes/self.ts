/**
 * How this program is started again, for what it has a process of its own for.
 *
 * @module
 */

/** The words that start this program. */
export function ownWords(): string[] {
  if (Deno.build.standalone) return [Deno.execPath()];
  const main = new URL("../../../main.ts", import.meta.url).pathname;
  return [Deno.execPath(), "run", "-A", "--quiet", main];
}
