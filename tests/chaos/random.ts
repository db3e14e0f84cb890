/**
 * Decisions that a seed determines.
 *
 * @module
 */

/** A generator of numbers in [0, 1). */
export type Random = () => number;

/** A generator that a seed determines (mulberry32). */
export function random(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A generator of its own, determined by another. */
export function fork(next: Random): Random {
  return random(Math.floor(next() * 2 ** 32));
}

/** One of several. */
export function pick<T>(next: Random, from: readonly T[]): T {
  return from[Math.floor(next() * from.length)]!;
}
