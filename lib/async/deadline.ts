/**
 * Waits with a time limit.
 *
 * @module
 */

/** How {@linkcode deadline} fails. */
export interface DeadlineOptions {
  /** Makes the error that it rejects with; a `TimeoutError` unless given. */
  error?: () => Error;
}

function timeout(): Error {
  return new DOMException("It took too long", "TimeoutError");
}

/**
 * Settles as a promise does, if that settles within so many milliseconds. The work behind the promise isn't
 * stopped.
 *
 * @throws the error that `error` makes, after the time
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

/** Settles as a promise does; resolves with `undefined` after so many milliseconds or on the signal. */
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
