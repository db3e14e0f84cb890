/**
 * Waits that end.
 *
 * @module
 */

/** How {@linkcode deadline} fails. */
export interface DeadlineOptions {
  /** Makes what it rejects with; a `TimeoutError` unless given. */
  error?: () => Error;
}

function timeout(): Error {
  return new DOMException("It took too long", "TimeoutError");
}

/**
 * Gives what a promise gives, if that comes within so many milliseconds. What the promise stands for
 * isn't stopped.
 *
 * @throws what `error` makes, when it is too late
 */
export async function deadline<T>(
  promise: Promise<T>,
  ms: number,
  { error = timeout }: DeadlineOptions = {},
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(error()), ms);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Gives what a promise gives, or after so many milliseconds (or the signal) `undefined`. */
export async function atMost<T>(
  promise: Promise<T>,
  ms: number,
  signal?: AbortSignal,
): Promise<T | undefined> {
  const { promise: over, resolve } = Promise.withResolvers<undefined>();
  const end = () => resolve(undefined);
  const timer = setTimeout(end, ms);
  signal?.addEventListener("abort", end, { once: true });
  if (signal?.aborted) end();
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
  }
}
