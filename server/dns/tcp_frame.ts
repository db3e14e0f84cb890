/**
 * DNS messages over TCP: each behind its length (RFC 7766).
 *
 * @module
 */

/** Writes a message. */
export async function writeFrame(conn: Deno.Conn, message: Uint8Array): Promise<void> {
  const frame = new Uint8Array(2 + message.length);
  new DataView(frame.buffer).setUint16(0, message.length);
  frame.set(message, 2);
  for (let at = 0; at < frame.length;) at += await conn.write(frame.subarray(at));
}

/** Reads a message; `undefined` at the end of the stream. */
export async function readFrame(conn: Deno.Conn): Promise<Uint8Array | undefined> {
  const head = await readFull(conn, 2);
  return head && await readFull(conn, (head[0]! << 8) | head[1]!);
}

/** Reads a number of bytes; `undefined` at the end of the stream. */
export async function readFull(conn: Deno.Conn, length: number): Promise<Uint8Array | undefined> {
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
  conn: Deno.Conn,
  ms: number,
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
