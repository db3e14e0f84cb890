/**
 * `--format`: a word that the command knows, or a template. A word that it doesn't know is a mistake,
 * although a template without a field would be a constant text. Pure.
 *
 * @module
 */
import { usageError } from "../options/usage.ts";

/**
 * Refuses a format that is neither one of the words nor a template.
 *
 * @param options `command`: its words, for the message; `words`: what it knows besides templates, of
 * which `""` is the first
 * @throws {NetsvcError} a usage error
 */
export function checkFormat(
  format: string,
  { command, words }: { command: string; words: string[] },
): void {
  if (format === "" || words.includes(format) || format.includes("{{")) return;
  const known = words.map((word) => JSON.stringify(word)).join(", ");
  throw usageError(
    command,
    `Unknown format ${JSON.stringify(format)}; use ${known} or a template like '{{.Name}}'`,
  );
}
