/**
 * Attempts until one succeeds.
 *
 * @module
 */
import { backoff, type BackoffOptions } from "./backoff.ts";
import { sleep } from "./sleep.ts";

/** When {@linkcode retry} ends. */
export interface RetryOptions extends BackoffOptions {
  /** Attempts in all; without limit unless given. */
  attempts?: number;
  /** Called with each failure. @returns whether to try again */
  retryable?: (error: unknown) => boolean;
  /** Ends the attempts: the last failure is thrown. */
  signal?: AbortSignal;
}

/** Repeats an action until it succeeds. @returns its result @throws the last failure */
export async function retry<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { attempts = Infinity, retryable = () => true, signal } = options;
  for (let failures = 1;; failures++) {
    try {
      return await attempt();
    } catch (error) {
      if (!retryable(error) || failures >= attempts) throw error;
      await sleep(backoff(failures, options), signal);
      if (signal?.aborted) throw error;
    }
  }
}
