/**
 * DNS messages over TCP: each is preceded by its length (RFC 7766).
 *
 * @module
 */

import type { Stream } from "../../../lib/linux/sockets/polled_stream.ts";

/** The messages in wire form, one after the other. */
export function frame(messages: Uint8Array[]): Uint8Array {
  const size = messages.reduce((sum, { length }) => sum + 2 + length, 0);
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const message of messages) {
    bytes[at] = message.length >> 8;
    bytes[at + 1] = message.length & 0xff;
    bytes.set(message, at + 2);
    at += 2 + message.length;
  }
  return bytes;
}

/** Writes all of the bytes. */
export async function writeAll(conn: Stream, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** Writes a message. */
export async function writeFrame(conn: Stream, message: Uint8Array): Promise<void> {
  await writeAll(conn, frame([message]));
}

/** Reads a message; `undefined` at the end of the stream. */
export async function readFrame(conn: Stream): Promise<Uint8Array | undefined> {
  const head = await readFull(conn, 2);
  return head && await readFull(conn, (head[0]! << 8) | head[1]!);
}

async function readFull(conn: Stream, length: number): Promise<Uint8Array | undefined> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const n = await conn.read(bytes.subarray(at));
    if (n === null) return undefined;
    at += n;
  }
  return bytes;
}

/** Runs `action` and closes the connection when it takes longer than `ms` milliseconds. */
export async function within<T>(
  { conn, ms }: { conn: Stream; ms: number },
  action: () => Promise<T>,
): Promise<T | undefined> {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    try {
      conn.close();
    } catch {
      // Closed already.
    }
  }, ms);
  try {
    return await action();
  } catch (error) {
    if (late) return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
