/**
 * `./task figures`: the figures of the house, as `docs/architecture.md` has them. It runs under
 * `deno test`, since only there the linter's syntax tree can be had.
 *
 * @module
 */
import { circles } from "./floors.ts";
import { quantile, type Sizes, sizesOf } from "./sizes.ts";
import { importGraph, sources, tests } from "./sources.ts";

/** One row: what is counted, and its figure. */
export type Figure = [what: string, figure: string];

const spread = (values: number[]) =>
  `${quantile(values, 0.5)} / ${quantile(values, 0.9)} / ${Math.max(...values)}`;

/** Sizes of all production code. */
export function allSizes(files: Map<string, string>): Sizes {
  const all = [...files].map(([path, text]) => sizesOf(path, text));
  return {
    functions: all.flatMap(({ functions }) => functions),
    classes: all.flatMap(({ classes }) => classes),
  };
}

/** Lines of each file. */
export function linesOf(files: Map<string, string>): number[] {
  return [...files.values()].map((text) => text.split("\n").length - 1);
}

/** How many others of the project each file imports, types included. */
export function importsOf(files: Map<string, string>): number[] {
  return [...importGraph(files).values()].map((others) => others.length);
}

/** Share of the files, 0 to 1, that have a test beside them. */
export function tested(files: Map<string, string>, beside: Set<string>): number {
  const have = [...files.keys()].filter((path) => beside.has(path.replace(/\.ts$/, "_test.ts")));
  return have.length / files.size;
}

/** All rows. */
export async function figures(): Promise<Figure[]> {
  const files = await sources();
  const { functions, classes } = allSizes(files);
  const several = importsOf(files);
  const mean = several.reduce((sum, count) => sum + count, 0) / several.length;
  return [
    ["files", String(files.size)],
    ["lines of a file: median / p90 / max", spread(linesOf(files))],
    ["lines of a function: median / p90 / max", spread(functions.map(({ lines }) => lines))],
    ["methods of a class: median / p90 / max", spread(classes.map(({ methods }) => methods))],
    [
      "exported functions with more than two required parameters",
      String(functions.filter(({ exported, required }) => exported && required > 2).length),
    ],
    ["imports of a file: median / mean", `${quantile(several, 0.5)} / ${mean.toFixed(2)}`],
    ["test beside", `${Math.round(100 * tested(files, await tests()))} %`],
    ["circles of files, types included", String(circles(importGraph(files)).length)],
  ];
}

if (Deno.env.has("NETSVC_FIGURES")) {
  Deno.test("figures", async () => {
    const rows = await figures();
    console.log(
      ["", "| | netsvc |", "|---|--:|", ...rows.map((row) => `| ${row.join(" | ")} |`)].join("\n"),
    );
  });
}
