/**
 * What all `ls` commands share: `-q`, `--no-trunc`, `-f`, `--format`.
 *
 * @module
 */
import type { Command } from "commander";
import { shortId } from "../../lib/api/names.ts";
import { option } from "../completion/declare.ts";
import { type Filtered, filterWords, parseFilters } from "../options/filters.ts";
import { checkFormat } from "./format.ts";
import { formatTable } from "./table.ts";
import { fillTemplate, type Row, templateHeader, unescapeTemplate } from "./template.ts";

/** Options of an `ls` command. */
export interface ListOptions {
  quiet?: boolean;
  trunc: boolean;
  filter: string[];
  format: string;
}

/** How one kind of object is listed. */
export interface Listing<T> extends Filtered<T> {
  /** Title and cell of each column. */
  columns: [title: string, cell: (item: T, id: (id: string) => string) => string][];
  /** How many of them, from the left, are at least as wide as Docker's: what scripts cut by column. */
  wide: number;
  /** Fields that templates may use. */
  row: (item: T, id: (id: string) => string) => Row;
  /** Titles of template fields that differ from their names. */
  titles: Record<string, string>;
  id: (item: T) => string;
}

const FORMATS = ["table", "json"];

/** Adds the options to a command. */
export function addListOptions<T>(command: Command, { filters }: Listing<T>): Command {
  const format = `"table", "json" or a template like '{{.ID}} {{.Name}}'`;
  return command
    .addOption(
      option("-f, --filter <KEY=VALUE>", "Show only what fits (repeatable)").completedBy(
        filterWords(filters),
      ).repeatable(),
    )
    .addOption(option("--format <FORMAT>", format).completedBy(FORMATS).default("table"))
    .option("--no-trunc", "Don't shorten ids")
    .option("-q, --quiet", "Print ids only");
}

/** Refuses wrong options before the daemon is asked. @throws {NetsvcError} a usage error */
export function checkListOptions<T>(listing: Listing<T>, options: ListOptions): void {
  parseFilters(options.filter, listing);
  checkFormat(options.format, { command: listing.command, words: FORMATS });
}

/** The text of a listing. */
export function formatListing<T>(
  items: T[],
  { listing, options }: { listing: Listing<T>; options: ListOptions },
): string {
  const id = (text: string) => options.trunc ? shortId(text) : text;
  checkListOptions(listing, options);
  const shown = items.filter(parseFilters(options.filter, listing));
  if (options.quiet) return shown.map((item) => `${id(listing.id(item))}\n`).join("");
  if (options.format === "json") return `${JSON.stringify(shown, null, 2)}\n`;
  if (options.format === "table" || options.format === "") {
    const header = listing.columns.map(([title]) => title);
    const rows = shown.map((item) => listing.columns.map(([, cell]) => cell(item, id)));
    return formatTable([header, ...rows], listing.wide);
  }
  const table = options.format.match(/^table\s+(.*)$/s);
  const template = unescapeTemplate(table?.[1] ?? options.format);
  const lines = shown.map((item) => fillTemplate(template, listing.row(item, id)));
  if (!table) return lines.map((line) => `${line}\n`).join("");
  return formatTable(
    [templateHeader(template, listing.titles), ...lines].map((line) => line.split("\t")),
  );
}

/** Whether a name, in whatever case, contains a filter's value, or an id begins with it. */
export const matches = {
  name: (name: string | undefined, value: string) =>
    (name ?? "").toLowerCase().includes(value.toLowerCase()),
  id: (id: string, value: string) => id.startsWith(value),
  label: (labels: Record<string, string>, value: string) => {
    const [key, wanted] = value.split(/=(.*)/s) as [string, string | undefined];
    return Object.hasOwn(labels, key) && (wanted === undefined || labels[key] === wanted);
  },
};
