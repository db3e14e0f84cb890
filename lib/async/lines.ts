/**
 * Lines of a stream, as they come.
 *
 * @module
 */

/** A longer line is no event; the rest of it is passed over. In characters. */
const MAX_LINE = 256 * 1024;

/** Calls `each` with each line of a stream of bytes, until it ends. */
export async function forEachLine(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  each: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    if (rest.length > MAX_LINE) rest = "";
    for (const line of lines) if (line.trim() !== "") each(line);
  }
}
