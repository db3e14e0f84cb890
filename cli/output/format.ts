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
 * @param command its words, for the message
 * @param words what it knows besides templates; `""` is the first of them
 * @throws {NetsvcError} a usage error
 */
export function checkFormat(command: string, format: string, words: string[]): void {
  if (format === "" || words.includes(format) || format.includes("{{")) return;
  const known = words.map((word) => JSON.stringify(word)).join(", ");
  throw usageError(
    command,
    `Unknown format ${JSON.stringify(format)}; use ${known} or a template like '{{.Name}}'`,
  );
}
