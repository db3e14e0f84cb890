/**
 * `--since`: a time, or how long ago it was, as in Docker. Pure.
 *
 * @module
 */
import { usageError } from "../options/usage.ts";

const UNITS: Record<string, number> = { s: 1e3, m: 60e3, h: 3600e3, d: 86400e3, ms: 1 };
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|[smhd]))+$/;

/**
 * A time in milliseconds since 1970, of `10m`, `1h30m`, `2026-01-31T12:00:00Z`, `2026-01-31` or seconds
 * since 1970.
 *
 * @throws {NetsvcError} a usage error of the command
 */
export function parseSince(command: string, text: string, now: number = Date.now()): number {
  if (DURATION.test(text)) {
    const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)];
    return now - parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNITS[unit!]!, 0);
  }
  if (/^\d{1,12}(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(time)) return time;
  throw usageError(
    command,
    `Invalid --since ${
      JSON.stringify(text)
    }; write a time like 2026-01-31T12:00:00Z, or how long ` +
      `ago it was, like 10m or 1h30m`,
  );
}
