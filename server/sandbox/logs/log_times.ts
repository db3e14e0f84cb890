/**
 * When the bytes of a log were written, as far as that was looked at: the file itself has no times. A
 * look notes how long the file is and when it was changed last, so that what is written in one go
 * between two looks has its exact time. Pure.
 *
 * @module
 */

/** Notes that are kept; beyond that, older ones are made coarser. */
const MAX_NOTES = 4096;

interface Note {
  end: number;
  time: number;
}

/** The times of one log. */
export class LogTimes {
  /** What is kept of the log begins here, in bytes. */
  start = 0;
  #notes: Note[] = [];

  /** Reads what {@linkcode toText} wrote; what can't be read is left out. */
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

  /** How much was seen of the log, in bytes. */
  get end(): number {
    return this.#notes.at(-1)?.end ?? this.start;
  }

  toText(): string {
    return `${this.start}\n${this.#notes.map(line).join("")}`;
  }

  /** The last note as {@linkcode parse} reads it, for the end of the file. */
  lastLine(): string {
    return line(this.#notes.at(-1)!);
  }

  /**
   * Notes that the log is so long and was written last at a time, in milliseconds since 1970.
   *
   * @returns what has to be written: nothing, this note, or all of them
   */
  note(end: number, time: number): "nothing" | "note" | "all" {
    if (end <= this.end) return "nothing";
    // Clocks may be set back; lines are in the order in which they were written.
    this.#notes.push({ end, time: Math.max(Math.floor(time), this.#notes.at(-1)?.time ?? 0) });
    if (this.#notes.length <= MAX_NOTES) return "note";
    // Of two neighbours the later one stands for both; the newest stay as they are.
    const half = MAX_NOTES / 2;
    this.#notes = this.#notes.filter((_, i) => i >= half || i % 2 === 1);
    return "all";
  }

  /** Forgets what is before an offset: the log has been cut there. */
  cut(start: number): void {
    this.start = start;
    this.#notes = this.#notes.filter(({ end }) => end > start);
  }

  /** When the byte at an offset was written, in milliseconds since 1970; `undefined`: never seen. */
  at(offset: number): number | undefined {
    return this.#notes[this.#first(({ end }) => end > offset)]?.time;
  }

  /** Offset of the first byte that was written at a time or after it. */
  since(time: number): number {
    const index = this.#first((note) => note.time >= time);
    return index === 0 ? this.start : this.#notes[index - 1]!.end;
  }

  /** Index of the first note that fits; all after it fit, too. */
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
