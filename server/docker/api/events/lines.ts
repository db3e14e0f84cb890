import { LineSplitter } from "../../../../lib/async/lines.ts";
/**
 * Bodies with one JSON value per line: Docker's events and statistics.
 *
 * @module
 */

/** Longest line that is buffered, in characters; Docker sends no longer ones. */
const MAX_LINE = 1024 * 1024;

/**
 * Applies `change` to each line of a body; `undefined` drops the line.
 *
 * @throws the errors of `change`, into the stream
 */
export function changeLines(
  body: ReadableStream<Uint8Array>,
  change: (line: string) => string | undefined,
): ReadableStream<Uint8Array> {
  const tooLong = () => new Error("A line of the engine is too long");
  const splitter = new LineSplitter({ longest: MAX_LINE, tooLong });
  const put = (line: string, end: string, controller: TransformStreamDefaultController<string>) => {
    const changed = line === "" ? line : change(line);
    if (changed !== undefined) controller.enqueue(changed + end);
  };
  return body.pipeThrough(new TextDecoderStream()).pipeThrough(
    new TransformStream<string, string>({
      transform(text, controller) {
        for (const line of splitter.push(text)) put(line, "\n", controller);
      },
      flush(controller) {
        const rest = splitter.end();
        if (rest !== undefined) put(rest, "", controller);
      },
    }),
  ).pipeThrough(new TextEncoderStream());
}
