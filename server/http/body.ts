/**
 * Bodies that don't come.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";

/** A body that is kept in memory is there within this time, in milliseconds. */
const BODY_MS = 10_000;

/** Waits for a body. @throws {NetsvcError} `request_timeout` */
export async function inTime<T>(reading: Promise<T>, ms: number = BODY_MS): Promise<T> {
  let timer: number | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new NetsvcError(
            "request_timeout",
            `The body of the request isn't there within ${ms / 1000} s`,
          ),
        ),
      ms,
    );
  });
  return await Promise.race([reading, late]).finally(() => clearTimeout(timer));
}
