/**
 * Suggestions for an unknown word: the known ones that it may be a misspelling of. Pure.
 *
 * @module
 */

/** Most words that are suggested. */
const MAX_SUGGESTED = 3;

/**
 * How many insertions, deletions, replacements and exchanges of neighbours lead from one word to
 * another (optimal string alignment).
 */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, i) => i)];
  for (let i = 1; i <= a.length; i++) {
    const [row, above, above2] = [[i], rows[i - 1]!, rows[i - 2]];
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(
        above[j]! + 1,
        row[j - 1]! + 1,
        above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1),
        above2 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? above2[j - 2]! + 1 : Infinity,
      );
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}

/** The known words that are likely to have been meant, the nearest first. */
export function nearest(word: string, known: Iterable<string>): string[] {
  const wanted = word.toLowerCase();
  const bare = wanted.replace(/^-+/, "");
  if (bare === "" || bare.length > 40) return [];
  const most = Math.max(1, Math.floor(bare.length / 3));
  return [...new Set(known)].flatMap((candidate) => {
    const other = candidate.toLowerCase();
    const name = other.replace(/^-+/, "");
    const begins = Math.min(bare.length, name.length) >= 2 &&
      (name.startsWith(bare) || bare.startsWith(name));
    const steps = distance(wanted, other);
    // One letter is as near to any other one.
    const near = steps <= most && steps < Math.max(bare.length, name.length);
    return begins || near ? [{ candidate, steps }] : [];
  }).sort((a, b) => a.steps - b.steps).slice(0, MAX_SUGGESTED).map(({ candidate }) => candidate);
}

/** `; did you mean "x" or "y"?`, or nothing. */
export function suggestion(words: string[]): string {
  if (words.length === 0) return "";
  const quoted = words.map((word) => JSON.stringify(word));
  const list = quoted.length === 1
    ? quoted[0]
    : `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`;
  return `; did you mean ${list}?`;
}

/** {@linkcode suggestion} of what is {@linkcode nearest}. */
export function didYouMean(word: string, known: Iterable<string>): string {
  return suggestion(nearest(word, known));
}
