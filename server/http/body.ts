/**
 * Reads request bodies into memory, with a deadline and a size limit, with or without a `Content-Length`.
 *
 * @module
 */
import { deadline } from "../../lib/async/deadline.ts";
import { NetsvcError } from "../../lib/api/errors.ts";

/** Deadline for a body that is read into memory, in milliseconds. */
const BODY_MS = 10_000;
/** Size limit of such a body, in bytes. */
export const MAX_BODY = 1024 * 1024;

/** Waits for a body. @throws {NetsvcError} `request_timeout` */
export async function inTime<T>(reading: Promise<T>, ms: number = BODY_MS): Promise<T> {
  const why = `The body of the request did not arrive within ${ms / 1000} s`;
  return await deadline(reading, ms, { error: () => new NetsvcError("request_timeout", why) });
}

/**
 * Reads the whole body of a request.
 *
 * @throws {NetsvcError} `too_large`, `request_timeout`, or `invalid` for a malformed transfer
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
    // The rest of the body is not read; a failing cancellation changes nothing.
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
