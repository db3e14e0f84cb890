/**
 * Bodies that are one piece of JSON on each line: Docker's events and statistics.
 *
 * @module
 */

/** Longest line that is held, in characters; what goes on beyond it is no JSON of Docker's. */
const MAX_LINE = 1024 * 1024;

/**
 * Each line of a body changed; `undefined`: left out.
 *
 * @throws what `change` throws, into the stream
 */
export function changeLines(
  body: ReadableStream<Uint8Array>,
  change: (line: string) => string | undefined,
): ReadableStream<Uint8Array> {
  let rest = "";
  const put = (line: string, end: string, controller: TransformStreamDefaultController<string>) => {
    const changed = line === "" ? line : change(line);
    if (changed !== undefined) controller.enqueue(changed + end);
  };
  return body.pipeThrough(new TextDecoderStream()).pipeThrough(
    new TransformStream<string, string>({
      transform(text, controller) {
        const lines = (rest + text).split("\n");
        rest = lines.pop()!;
        if (rest.length > MAX_LINE) controller.error(new Error("A line of the engine is too long"));
        for (const line of lines) put(line, "\n", controller);
      },
      flush(controller) {
        if (rest !== "") put(rest, "", controller);
      },
    }),
  ).pipeThrough(new TextEncoderStream());
}
