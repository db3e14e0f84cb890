/**
 * Figures beside floors. Rounds of the two are interleaved, each goes first in every other round, so that a
 * noisy machine is noisy for both; and what is timed begins with nothing of ours under way.
 *
 * @module
 */

/** One line of the report: a figure of netsvc's, and perhaps the floor of the same run. */
export interface Row {
  what: string;
  unit: string;
  /** Median, or the only value. */
  median: number;
  p95?: number;
  floor?: number;
  floorP95?: number;
  /** What the floor is, and what the figure waits for or leaves out. */
  floorIs?: string;
  /** Most (times) or least (rates) that the ratio may be. */
  target?: { ratio: number; kind: "most" | "least" };
  /** Most that the figure itself may be, where the target is no ratio. */
  limit?: number;
}

/** The value below which a part (0 to 1) of some numbers lies. */
export function quantile(values: number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}

/** The median of some numbers. */
export function median(values: number[]): number {
  return quantile(values, 0.5);
}

/** Median and 95th percentile of both sides, as a row has them. */
export function spread(
  own: number[],
  floor?: number[],
): Pick<Row, "median" | "p95" | "floor" | "floorP95"> {
  return {
    ...{ median: median(own), p95: quantile(own, 0.95) },
    ...floor && { floor: median(floor), floorP95: quantile(floor, 0.95) },
  };
}

/** Milliseconds that an action takes. */
export async function time(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

/** Two things that are compared: what is timed, and what makes ready for it or clears up, which isn't. */
export interface Side {
  before?: (round: number) => Promise<unknown>;
  run: (round: number) => Promise<unknown>;
  after?: (round: number) => Promise<unknown>;
}

/**
 * Times both sides in turn. The first round warms up and doesn't count.
 *
 * @param settle waits until nothing of an earlier step is under way
 */
export async function interleave(
  rounds: number,
  settle: () => Promise<void>,
  sides: { own: Side; floor: Side },
): Promise<{ own: number[]; floor: number[] }> {
  const times = { own: [] as number[], floor: [] as number[] };
  for (let round = 0; round <= rounds; round++) {
    const order = ["floor", "own"] as const;
    for (const which of round % 2 === 0 ? order : order.toReversed()) {
      const { before, run, after } = sides[which];
      await before?.(round);
      await settle();
      const took = await time(() => run(round));
      if (round > 0) times[which].push(took);
      await after?.(round);
    }
  }
  return times;
}

/** A table of rows. */
export function report(rows: Row[]): string {
  const cells = rows.map((row) => {
    const { what, unit, floorIs, target, limit } = row;
    const ratio = row.floor === undefined ? undefined : row.median / row.floor;
    const met = limit === undefined
      ? target && ratio !== undefined &&
        (target.kind === "most" ? ratio <= target.ratio : ratio >= target.ratio)
      : row.median <= limit;
    const wanted = target && `${target.kind === "most" ? "<=" : ">="} ${target.ratio}`;
    return [
      what,
      figures(row.median, row.p95, unit),
      row.floor === undefined ? "" : figures(row.floor, row.floorP95, unit),
      ratio === undefined ? "" : ratio.toFixed(2),
      (limit === undefined ? wanted : `<= ${limit} ${unit}`) ?? "",
      target || limit !== undefined ? (met ? "met" : "MISSED") : "",
      floorIs ?? "",
    ];
  });
  const head = [
    "what",
    "median · p95",
    "floor",
    "ratio",
    "target",
    "",
    "the floor; what is left out",
  ];
  const table = [head, ...cells];
  const widths = table[0]!.map((_, i) => Math.max(...table.map((row) => row[i]!.length)));
  return table.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd())
    .join("\n");
}

function figures(middle: number, p95: number | undefined, unit: string): string {
  return `${format(middle)}${p95 === undefined ? "" : ` · ${format(p95)}`} ${unit}`.trim();
}

function format(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString("en") : value.toFixed(2);
}
