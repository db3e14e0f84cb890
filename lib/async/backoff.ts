/**
 * Pauses between attempts.
 *
 * @module
 */

/** Pause after the first failure, in milliseconds, before jitter. */
const FIRST_MS = 50;

/**
 * The pause after so many failures in a row, in milliseconds: twice as long each time, and by chance
 * between half and all of that, so that many clients don't come back as one.
 */
export function backoff(failures: number, longest: number): number {
  const whole = Math.min(longest, FIRST_MS * 2 ** Math.min(failures - 1, 20));
  return whole * (0.5 + Math.random() / 2);
}

/** Waits; less when the signal is aborted. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const stop = () => resolve();
  signal?.addEventListener("abort", stop, { once: true });
  await promise;
  clearTimeout(timer);
  signal?.removeEventListener("abort", stop);
}

/** Waits for a promise, but not for longer; less when the signal is aborted. */
export async function atMost(
  promise: Promise<unknown>,
  ms: number,
  signal?: AbortSignal,
): Promise<void> {
  const done = new AbortController();
  const signals = [done.signal, ...signal ? [signal] : []];
  try {
    await Promise.race([promise, sleep(ms, AbortSignal.any(signals))]);
  } finally {
    done.abort();
  }
}
