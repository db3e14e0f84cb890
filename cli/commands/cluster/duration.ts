/**
 * How long a join token is to last, as `--ttl` gives it.
 *
 * @module
 */
import { usageError } from "../../options/usage.ts";

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** A duration like `1h30m`, in seconds. */
export function seconds(command: string, text: string): number {
  const sum = /^(?:\d{1,9}[smhd])+$/.test(text)
    ? [...text.matchAll(/(\d+)([smhd])/g)]
      .reduce((sum, [, number, unit]) => sum + Number(number) * UNITS[unit!]!, 0)
    : undefined;
  if (sum !== undefined && sum >= 60 && sum <= 30 * UNITS.d!) return sum;
  throw usageError(
    command,
    `Invalid --ttl ${JSON.stringify(text)}; write a duration like 30m, 1h or 7d, from 1m to 30d`,
  );
}
