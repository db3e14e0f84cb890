/**
 * Times as people say them. Pure.
 *
 * @module
 */

const UNITS: [seconds: number, word: string][] = [
  [365 * 86400, "year"],
  [30 * 86400, "month"],
  [7 * 86400, "week"],
  [86400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
];

/** How long ago a time (RFC 3339) was: `3 minutes`, `2 weeks`; never less than nothing. */
export function ageText(time: string, now: number = Date.now()): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(time)) / 1000));
  // Two of the larger unit at least, so that no more than half is rounded away.
  const [size, word] = UNITS.find(([size]) => seconds >= 2 * size) ?? UNITS.at(-1)!;
  const count = Math.floor(seconds / size);
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
