/**
 * Decides which host's clock is wrong, from the offset of each peer's clock to this host's. No clock is
 * assumed to be right: with several hosts, the median counts. Pure.
 *
 * @module
 */
import type { Finding } from "../../../lib/api/types.ts";
import { enumerate, findingsOf } from "../finding.ts";

const { ok, warning, skipped } = findingsOf("clock");

/** A difference from which on a clock is reported, in milliseconds. */
const LARGE_MS = 1_000;

/** How far a peer's clock is ahead of this host's, and the error of the measurement, in milliseconds. */
export interface ClockReading {
  name: string;
  ahead: number;
  within: number;
}

const REMEDY = "Synchronize the clocks: timedatectl set-ntp true, or install chrony";

/** `1.2 s`, without a sign. */
function seconds(ms: number): string {
  return `${(Math.abs(ms) / 1000).toFixed(1)} s`;
}

/** The finding that the readings lead to. */
export function judgeClocks(readings: ClockReading[]): Finding {
  if (readings.length === 0) return skipped("There is no other host to compare clocks with");
  const offset = (reading: { ahead: number; within: number }, from: number) =>
    Math.max(0, Math.abs(reading.ahead - from) - reading.within);
  const all = [0, ...readings.map(({ ahead }) => ahead)].sort((a, b) => a - b);
  if (readings.length === 1) {
    const [{ name, ahead }] = readings as [ClockReading];
    if (offset(readings[0]!, 0) <= LARGE_MS) return agree(readings);
    return warning(
      `The clock of host "${name}" is ${seconds(ahead)} ${
        side(ahead)
      } this host's; which is right ` +
        `can't be told from here`,
      `${REMEDY}, on both`,
    );
  }
  const middle = all[all.length >> 1]!;
  const wrong = readings.filter((reading) => offset(reading, middle) > LARGE_MS)
    .map(({ name, ahead }) =>
      `that of host "${name}" is ${seconds(ahead - middle)} ${side(ahead - middle)} them`
    );
  const self = Math.abs(middle) - Math.min(...readings.map(({ within }) => within)) > LARGE_MS
    ? [`this host's is ${seconds(middle)} ${side(-middle)} them`]
    : [];
  if (wrong.length + self.length === 0) return agree(readings);
  return warning(`Most clocks agree, but ${enumerate([...self, ...wrong])}`, `${REMEDY} there`);
}

function side(ahead: number): string {
  return ahead > 0 ? "ahead of" : "behind";
}

function agree(readings: ClockReading[]): Finding {
  const most = Math.max(
    ...readings.map(({ ahead, within }) => Math.max(0, Math.abs(ahead) - within)),
  );
  return ok(
    `The clocks of ${readings.length + 1} hosts agree within ${
      Math.max(0.1, most / 1000).toFixed(1)
    } s`,
  );
}
