/**
 * Bodies that are kept in memory: there in time, and not too large, whichever way they say their length.
 *
 * @module
 */
import { deadline } from "../../lib/async/deadline.ts";
import { NetsvcError } from "../../lib/api/errors.ts";

/** A body that is kept in memory is there within this time, in milliseconds. */
const BODY_MS = 10_000;
/** Largest of them, in bytes. */
export const MAX_BODY = 1024 * 1024;

/** Waits for a body. @throws {NetsvcError} `request_timeout` */
export async function inTime<T>(reading: Promise<T>, ms: number = BODY_MS): Promise<T> {
  const why = `The body of the request did not arrive within ${ms / 1000} s`;
  return await deadline(reading, ms, { error: () => new NetsvcError("request_timeout", why) });
}

/**
 * Reads the whole body of a request.
 *
 * @throws {NetsvcError} `too_large`, `request_timeout`, or `invalid` about one that isn't written as bodies are
 */
export async function readBody(
  request: Pick<Request, "body" | "headers">,
  ms?: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BODY) throw tooLarge();
  const reader = request.body?.getReader();
  if (!reader) return new Uint8Array();
  try {
    return await inTime(receive(reader), ms);
  } catch (error) {
    // Nobody waits for the rest.
    reader.cancel().catch(() => {});
    throw error;
  }
}

function tooLarge(): NetsvcError {
  return new NetsvcError("too_large", `The body is larger than ${MAX_BODY} bytes`);
}

async function receive(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  while (true) {
    const { done, value } = await reader.read().catch((cause) => {
      const message = "The body of the request breaks off, or isn't written as bodies are";
      throw new NetsvcError("invalid", message, { cause });
    });
    if (done) break;
    chunks.push(value);
    size += value.length;
    if (size > MAX_BODY) throw tooLarge();
  }
  const body = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}
