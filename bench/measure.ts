/**
 * Medians beside floors: rounds alternate between the two, so that a noisy machine is noisy for both.
 *
 * @module
 */

/** One line of the report. */
export interface Row {
  what: string;
  unit: string;
  median: number;
  floor?: number;
  /** What the floor is. */
  floorIs?: string;
  /** Most (times) or least (rates) that the ratio may be. */
  target?: { ratio: number; kind: "most" | "least" };
}

/** The median of some numbers. */
export function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** Milliseconds that an action takes. */
export async function time(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

/** A table of rows. */
export function report(rows: Row[]): string {
  const cells = rows.map(({ what, unit, median, floor, floorIs, target }) => {
    const ratio = floor === undefined ? undefined : median / floor;
    const met = target && ratio !== undefined &&
      (target.kind === "most" ? ratio <= target.ratio : ratio >= target.ratio);
    return [
      what,
      `${format(median)} ${unit}`,
      floor === undefined ? "" : `${format(floor)} ${unit}`,
      ratio === undefined ? "" : ratio.toFixed(2),
      target ? `${target.kind === "most" ? "<=" : ">="} ${target.ratio}` : "",
      target ? (met ? "met" : "MISSED") : "",
      floorIs ?? "",
    ];
  });
  const table = [["what", "median", "floor", "ratio", "target", "", "the floor"], ...cells];
  const widths = table[0]!.map((_, i) => Math.max(...table.map((row) => row[i]!.length)));
  return table.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd())
    .join("\n");
}

function format(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString("en") : value.toFixed(2);
}
