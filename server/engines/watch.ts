/**
 * Watches that begin again by themselves.
 *
 * @module
 */
import { backoff } from "../../lib/async/backoff.ts";
import { sleep } from "../../lib/async/sleep.ts";

/** Longest pause between attempts; who lasted longer than that was well. In milliseconds. */
const MAX_PAUSE_MS = 5_000;

/** Runs `attempt` again and again until the signal, with pauses; that it fails is no news. */
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
