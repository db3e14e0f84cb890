/**
 * Tables as Docker prints them: columns of at least 20 characters, three blanks behind longer ones.
 * Pure.
 *
 * @module
 */

/** Least width of a column, in characters. */
const MIN_WIDTH = 20;
/** Blanks behind a longer cell. */
const PADDING = 3;

/**
 * Lines of a table; the first row is the header.
 *
 * @param wide how many columns, from the left, have the least width; the others are as wide as they must
 */
export function formatTable(rows: string[][], wide = Infinity): string {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from(
    { length: count },
    (_, i) =>
      Math.max(i < wide ? MIN_WIDTH : 0, ...rows.map((row) => (row[i] ?? "").length + PADDING)),
  );
  return rows.map((row) =>
    row.map((cell, i) => i === row.length - 1 ? cell : cell.padEnd(widths[i]!)).join("").trimEnd() +
    "\n"
  ).join("");
}
