/**
 * Options that may be given several times.
 *
 * @module
 */

/** Collects a repeatable option, for commander. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}
