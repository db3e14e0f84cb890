/**
 * Lines of text that comes in pieces.
 *
 * @module
 */

/** How text is split. */
export interface LinesOptions {
  /** What ends a line; a newline unless given. */
  separator?: string;
  /** Longest line, in characters. */
  longest?: number;
  /** What a longer line ends all with; without it such a line is left out. */
  tooLong?: () => Error;
}

/** Splits text into lines as it comes. */
export class LineSplitter {
  readonly #separator: string;
  readonly #longest: number;
  readonly #tooLong: (() => Error) | undefined;
  #rest = "";
  /** Within a line that is left out. */
  #skipping = false;

  constructor({ separator = "\n", longest = Infinity, tooLong }: LinesOptions = {}) {
    this.#separator = separator;
    this.#longest = longest;
    this.#tooLong = tooLong;
  }

  /** The lines that a piece of text ends. @throws what `tooLong` makes */
  push(text: string): string[] {
    const lines = (this.#rest + text).split(this.#separator);
    this.#rest = lines.pop()!;
    if (this.#skipping && lines.length > 0) {
      lines.shift();
      this.#skipping = false;
    }
    if (this.#tooLong && [...lines, this.#rest].some((line) => line.length > this.#longest)) {
      throw this.#tooLong();
    }
    if (this.#skipping || this.#rest.length > this.#longest) {
      this.#skipping = true;
      // Its end may be half of a separator.
      this.#rest = this.#rest.slice(1 - this.#separator.length || this.#rest.length);
    }
    return lines.filter((line) => line.length <= this.#longest);
  }

  /** What is left when no more comes: a line without its end, if there is one. */
  end(): string | undefined {
    return this.#rest === "" || this.#skipping ? undefined : this.#rest;
  }
}

/** The lines of a stream of bytes, but not what follows the last separator. */
export async function* lines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  options?: LinesOptions,
): AsyncGenerator<string, undefined> {
  const splitter = new LineSplitter(options);
  for await (const text of stream.pipeThrough(new TextDecoderStream())) yield* splitter.push(text);
}
