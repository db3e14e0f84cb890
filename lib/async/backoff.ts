/**
 * Growing pauses between attempts, with jitter. Pure.
 *
 * @module
 */

/** Pause after the first failure unless given, in milliseconds, before jitter. */
const FIRST_MS = 50;

/** How pauses grow. */
export interface BackoffOptions {
  /** Pause after the first failure, in milliseconds. */
  first?: number;
  /** Longest pause, in milliseconds. */
  longest: number;
}

/**
 * The pause after so many failures in a row, in milliseconds: it doubles each time, and jitter takes up to
 * half of it off, so that many clients don't retry at the same moment.
 */
export function backoff(failures: number, { first = FIRST_MS, longest }: BackoffOptions): number {
  const whole = Math.min(longest, first * 2 ** Math.min(failures - 1, 20));
  return whole * (0.5 + Math.random() / 2);
}
