/**
 * Bodies that don't come.
 *
 * @module
 */
import { deadline } from "../../lib/async/deadline.ts";
import { NetsvcError } from "../../lib/api/errors.ts";

/** A body that is kept in memory is there within this time, in milliseconds. */
const BODY_MS = 10_000;

/** Waits for a body. @throws {NetsvcError} `request_timeout` */
export async function inTime<T>(reading: Promise<T>, ms: number = BODY_MS): Promise<T> {
  const why = `The body of the request did not arrive within ${ms / 1000} s`;
  return await deadline(reading, ms, { error: () => new NetsvcError("request_timeout", why) });
}
