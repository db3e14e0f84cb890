/**
 * What all `info` commands share.
 *
 * @module
 */
import type { Command } from "commander";
import { forEachReference, print } from "./context.ts";
import { fillTemplate, type Row, unescapeTemplate } from "./template.ts";

/** Adds `--format`. */
export function infoFormat(command: Command): Command {
  return command.option("--format <FORMAT>", `"json" or a template like '{{.name}}'`);
}

/** Prints each object; `json` gives one array of all. */
export async function printInfo<T extends object>(
  references: string[],
  get: (reference: string) => Promise<T>,
  describe: (item: T) => string,
  format: string | undefined,
): Promise<void> {
  const items: T[] = [];
  try {
    await forEachReference(references, async (reference) => {
      const item = await get(reference);
      if (format === "json") items.push(item);
      else if (format === undefined || format === "") print(describe(item));
      else print(`${fillTemplate(unescapeTemplate(format), item as Row)}\n`);
    });
  } finally {
    if (format === "json" && items.length > 0) print(`${JSON.stringify(items, null, 2)}\n`);
  }
}
