/**
 * Splits text that arrives in pieces into lines.
 *
 * @module
 */

/** How text is split. */
export interface LinesOptions {
  /** Separator of lines; a newline unless given. */
  separator?: string;
  /** Longest line, in characters. */
  longest?: number;
  /** Makes the error for a longer line; without it such a line is left out. */
  tooLong?: () => Error;
}

/** Splits text into lines as it arrives. */
export class LineSplitter {
  readonly #separator: string;
  readonly #longest: number;
  readonly #tooLong: (() => Error) | undefined;
  #rest = "";
  /** Whether the current line is left out. */
  #skipping = false;

  constructor({ separator = "\n", longest = Infinity, tooLong }: LinesOptions = {}) {
    this.#separator = separator;
    this.#longest = longest;
    this.#tooLong = tooLong;
  }

  /** The lines that a piece of text completes. @throws the error that `tooLong` makes */
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
      // The kept end may be half of a separator.
      this.#rest = this.#rest.slice(1 - this.#separator.length || this.#rest.length);
    }
    return lines.filter((line) => line.length <= this.#longest);
  }

  /** The rest at the end of the text: a line without a separator, if any. */
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
