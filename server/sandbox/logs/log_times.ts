/**
 * When the bytes of a log were written, as far as the daemon saw it: the file itself holds no times. Each check
 * records the file's length and modification time, so that output written in one go between two checks has its
 * exact time. Pure.
 *
 * @module
 */

/** Notes that are kept; beyond that, older ones are merged. */
const MAX_NOTES = 4096;

interface Note {
  end: number;
  time: number;
}

/** The write times of one log. */
export class LogTimes {
  /** Offset at which the kept part of the log begins, in bytes. */
  start = 0;
  #notes: Note[] = [];

  /** Parses the output of {@linkcode toText}; skips what can't be parsed. */
  static parse(text: string): LogTimes {
    const times = new LogTimes();
    const [start, ...lines] = text.split("\n");
    if (/^\d{1,15}$/.test(start!)) times.start = Number(start);
    for (const line of lines) {
      const [, end, time] = line.match(/^(\d{1,15}) (\d{1,15})$/) ?? [];
      if (end !== undefined) times.note(Number(end), Number(time));
    }
    return times;
  }

  /** Length of the log that was seen so far, in bytes. */
  get end(): number {
    return this.#notes.at(-1)?.end ?? this.start;
  }

  toText(): string {
    return `${this.start}\n${this.#notes.map(line).join("")}`;
  }

  /** The last note in {@linkcode parse}'s form, to append to the file. */
  lastLine(): string {
    return line(this.#notes.at(-1)!);
  }

  /**
   * Records the log's length and the time of its last write, in milliseconds since 1970.
   *
   * @returns what has to be written to the file of the times: nothing, this note, or all notes
   */
  note(end: number, time: number): "nothing" | "note" | "all" {
    if (end <= this.end) return "nothing";
    // The clock may have been set back; times must not decrease along the log.
    this.#notes.push({ end, time: Math.max(Math.floor(time), this.#notes.at(-1)?.time ?? 0) });
    if (this.#notes.length <= MAX_NOTES) return "note";
    // Merge pairs of older notes into their later one; the newest notes stay as they are.
    const half = MAX_NOTES / 2;
    this.#notes = this.#notes.filter((_, i) => i >= half || i % 2 === 1);
    return "all";
  }

  /** Drops the notes before an offset: the log has been cut there. */
  cut(start: number): void {
    this.start = start;
    this.#notes = this.#notes.filter(({ end }) => end > start);
  }

  /** When the byte at an offset was written, in milliseconds since 1970; `undefined` where that wasn't seen. */
  at(offset: number): number | undefined {
    return this.#notes[this.#first(({ end }) => end > offset)]?.time;
  }

  /** Offset of the first byte that was written at or after a time. */
  since(time: number): number {
    const index = this.#first((note) => note.time >= time);
    return index === 0 ? this.start : this.#notes[index - 1]!.end;
  }

  /** Index of the first note for which `fits` holds; it must hold for all later ones, too. */
  #first(fits: (note: Note) => boolean): number {
    let [low, high] = [0, this.#notes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (fits(this.#notes[middle]!)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function line({ end, time }: Note): string {
  return `${end} ${time}\n`;
}
