/**
 * What all `info` commands share, and `inspect`, which is the same as JSON, as in Docker.
 *
 * @module
 */
import type { Command } from "commander";
import type { Client } from "../client/client.ts";
import { argument as argumentOf, type Completion, option } from "../completion/declare.ts";
import { clientFor, forEachReference, print } from "../context.ts";
import { checkFormat } from "./format.ts";
import { fillTemplate, type Row, unescapeTemplate } from "./template.ts";

/** How one kind of object is shown. */
export interface Info<T extends object> {
  /** What is shown, for the help: `networks and their services`. */
  what: string;
  /** How an argument is called, and how all of them are. */
  argument: string;
  usage: string;
  /** What completes a reference. */
  completion: Completion;
  get: (client: Client, reference: string) => Promise<T>;
  describe: (item: T) => string;
}

const FORMATS = ["text", "json"];
const FORMAT = `"text", "json" or a template like '{{.name}}'`;

/** Adds `info` and `inspect` to a group. */
export function addInfoCommands<T extends object>(group: Command, info: Info<T>): void {
  const { what, argument, usage, completion } = info;
  for (const [verb, fallback] of [["info", "text"], ["inspect", "json"]] as const) {
    group.command(verb)
      .description(`Show ${what}${fallback === "json" ? " as JSON" : ""}`)
      .addArgument(argumentOf(`<${argument}...>`).completedBy(completion)).usage(
        `[OPTIONS] ${usage}`,
      )
      .addOption(option("-f, --format <FORMAT>", FORMAT).completedBy(FORMATS).default(fallback))
      .action(async (refs: string[], { format }: { format: string }, command: Command) => {
        const wanted = format === "" ? fallback : format;
        checkFormat(wanted, { command: `${group.name()} ${verb}`, words: FORMATS });
        using client = clientFor(command);
        await printInfo(refs, {
          get: (ref) => info.get(client, ref),
          describe: info.describe,
          format: wanted,
        });
      });
  }
}

/** Prints each object; `json` gives one array of all. */
export async function printInfo<T extends object>(
  references: string[],
  { get, describe, format }: {
    get: (reference: string) => Promise<T>;
    describe: (item: T) => string;
    format: string;
  },
): Promise<void> {
  const items: T[] = [];
  try {
    await forEachReference(references, async (reference) => {
      const item = await get(reference);
      if (format === "json") items.push(item);
      else if (format === "text") print(describe(item));
      else print(`${fillTemplate(unescapeTemplate(format), item as Row)}\n`);
    });
  } finally {
    if (format === "json" && items.length > 0) print(`${JSON.stringify(items, null, 2)}\n`);
  }
}
