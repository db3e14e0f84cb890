/**
 * Watches that restart by themselves.
 *
 * @module
 */
import { backoff } from "../../lib/async/backoff.ts";
import { sleep } from "../../lib/async/sleep.ts";

/** Longest pause between attempts, in milliseconds; an attempt that lasted longer resets the pause. */
const MAX_PAUSE_MS = 5_000;

/** Repeats `attempt` until the signal aborts, with pauses; ignores its errors. */
export async function keepWatching(
  attempt: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 1; !signal.aborted; failures++) {
    const start = performance.now();
    await attempt().catch(() => {});
    if (performance.now() - start > MAX_PAUSE_MS) failures = 1;
    await sleep(backoff(failures, { longest: MAX_PAUSE_MS }), signal);
  }
}
