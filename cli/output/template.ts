/**
 * `--format TEMPLATE`: the part of Go's templates that Docker's users use. Pure.
 *
 * `{{.Field}}`, `{{.A.B}}`, `{{json .}}`, `{{upper .X}}`, `{{lower .X}}`, `{{len .X}}`,
 * `{{join .X ","}}`; `\t` and `\n`.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";

/** A usage error without a pointer to help: no command's help explains templates. */
function mistake(message: string): NetsvcError {
  return new NetsvcError("invalid", message, { exitCode: 2 });
}

/** A row as templates see it. */
export type Row = Record<string, unknown>;

const ACTION = /\{\{-?\s*(?:([a-z]+)\s+)?(\.[\w.]*)(?:\s+"([^"]*)")?\s*-?\}\}/g;

function text(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return value.map(text).join(",");
  if (typeof value === "object") {
    return Object.entries(value).map(([key, item]) => `${key}=${text(item)}`).join(",");
  }
  return String(value);
}

function field(row: Row, path: string): unknown {
  let value: unknown = row;
  for (const name of path.split(".").filter(Boolean)) {
    const key = typeof value === "object" && value !== null ? keyOf(value, name) : undefined;
    if (key === undefined) {
      const fields = Object.keys(row).map((key) => `.${key}`).join(", ");
      throw mistake(`Unknown field "${path}" in the format; known: ${fields}`);
    }
    value = (value as Row)[key];
  }
  return value;
}

/** Tables title a field `Name`, the API calls it `name`: templates may use either. */
function keyOf(value: object, name: string): string | undefined {
  if (Object.hasOwn(value, name)) return name;
  return Object.keys(value).find((key) => key.toLowerCase() === name.toLowerCase());
}

const FUNCTIONS: Record<string, (value: unknown, argument: string | undefined) => string> = {
  json: (value) => JSON.stringify(value),
  upper: (value) => text(value).toUpperCase(),
  lower: (value) => text(value).toLowerCase(),
  len: (value) => String(Array.isArray(value) ? value.length : text(value).length),
  join: (value, separator = ",") =>
    Array.isArray(value) ? value.map(text).join(separator) : text(value),
};

/** Replaces the escapes of a template given on a command line. */
export function unescapeTemplate(template: string): string {
  return template.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
}

/** Fills a template with a row. @throws {NetsvcError} about unknown fields and functions */
export function fillTemplate(template: string, row: Row): string {
  const filled = template.replaceAll(ACTION, (_all, name, path, argument) => {
    const value = field(row, path);
    if (name === undefined) return text(value);
    const call = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    if (!call) {
      throw mistake(
        `Unknown function "${name}" in the format; known: ${Object.keys(FUNCTIONS).join(", ")}`,
      );
    }
    return call(value, argument);
  });
  const rest = template.replaceAll(ACTION, "").match(/\{\{[^}]*\}?\}?/);
  if (rest) {
    throw mistake(
      `Cannot understand ${JSON.stringify(rest[0])} in the format; write it like {{.Name}} or ` +
        `{{json .}}`,
    );
  }
  return filled;
}

/** The header that goes with a `table` template: its fields' names. */
export function templateHeader(template: string, titles: Record<string, string>): string {
  return template.replaceAll(ACTION, (_all, _name, path: string) => {
    const name = path.split(".").filter(Boolean).at(-1) ?? "";
    return titles[name] ?? name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, " ").toUpperCase();
  });
}
