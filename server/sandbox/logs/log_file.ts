/**
 * The output of one detached container: a file to which its processes append directly, with or without a daemon.
 * The daemon records when output was written, cuts a log that is too long, and reads the log for clients.
 *
 * @module
 */
import { sleep } from "../../../lib/async/sleep.ts";
import { punchHole } from "../../../lib/linux/punch_hole.ts";
import { LogTimes } from "./log_times.ts";

/** Size beyond which a log is cut, in bytes. */
export const MAX_LOG = 8 * 1024 * 1024;
/** Size of the last part that is kept then, in bytes. */
export const KEPT_LOG = 1024 * 1024;
/** Bytes per read. */
const CHUNK = 64 * 1024;
/** Interval at which a follower checks for more output, in milliseconds. */
const FOLLOW_MS = 50;
const NEWLINE = 10;

/** The part of a log to read, and its form. */
export interface LogOptions {
  /** Only this many lines from the end; by default all that are kept. */
  tail?: number;
  /** Only output written at or after this time, in milliseconds since 1970. */
  since?: number;
  /** Whether each line begins with the time at which it was written (RFC 3339). */
  timestamps?: boolean;
  /** Follows the log: until this returns true because no more will be written, and all output is read. */
  until?: () => boolean;
  signal?: AbortSignal;
}

/** The log of a container. */
export class LogFile {
  readonly #path: string;
  #times: LogTimes | undefined;
  /** Whether the file of the times holds all of them. */
  #written = false;
  /** How often another program has emptied the file. */
  #emptied = 0;

  /** @param path of the output; the file of the times is beside it */
  constructor(path: string) {
    this.#path = path;
  }

  /** Records new output; `true` when there was some. */
  look(): boolean {
    try {
      return this.#look(Deno.statSync(this.#path));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }

  /** Cuts the log if it is too long. Loses no output that is written meanwhile. */
  cut(): void {
    const times = this.#load();
    if (times.end - times.start <= MAX_LOG) return;
    const start = punchHole(this.#path, times.end - KEPT_LOG);
    times.cut(start);
    this.#write("all");
  }

  /** Reads the log. Ends at once where there is none. */
  async *read(options: LogOptions = {}): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    let file: Deno.FsFile;
    try {
      file = Deno.openSync(this.#path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw error;
    }
    using _ = file;
    this.#look(file.statSync());
    let [times, emptied] = [this.#load(), this.#emptied];
    let { end } = times;
    const from = options.since === undefined ? times.start : times.since(options.since);
    let at = await this.#lineFrom(file, from, end);
    if (options.tail !== undefined) at = await this.#tail(file, at, end, options.tail);
    const stamp = options.timestamps ? this.#stamper() : (bytes: Uint8Array<ArrayBuffer>) => bytes;
    while (!options.signal?.aborted) {
      // The log may have been cut while the client read slowly.
      if (at < times.start) at = await this.#lineFrom(file, times.start, end);
      if (at < end) {
        const bytes = await readAt(file, at, Math.min(CHUNK, end - at));
        // Empty where another program has emptied the file.
        if (bytes.length > 0) {
          yield stamp(bytes, at);
          at += bytes.length;
          continue;
        }
      }
      if (!options.until) return;
      const last = options.until();
      this.#look(file.statSync());
      if (this.#emptied !== emptied) at = 0;
      [times, emptied] = [this.#load(), this.#emptied];
      end = times.end;
      if (at < end) continue;
      if (last) return;
      await sleep(FOLLOW_MS);
    }
  }

  #look({ size, mtime }: Deno.FileInfo): boolean {
    let times = this.#load();
    if (size < times.end) {
      // Users empty logs with `truncate -s 0`; such a log starts anew.
      times = this.#times = new LogTimes();
      this.#emptied++;
      this.#write("all");
    }
    const written = times.note(size, mtime?.getTime() ?? Date.now());
    this.#write(written);
    return written !== "nothing";
  }

  #load(): LogTimes {
    if (this.#times) return this.#times;
    try {
      this.#times = LogTimes.parse(Deno.readTextFileSync(`${this.#path}.times`));
      this.#written = true;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      this.#times = new LogTimes();
    }
    return this.#times;
  }

  #write(what: "nothing" | "note" | "all"): void {
    if (what === "nothing") return;
    const times = this.#times!;
    const path = `${this.#path}.times`;
    const all = what === "all" || !this.#written;
    try {
      if (all) Deno.writeTextFileSync(path, times.toText(), { mode: 0o600 });
      else Deno.writeTextFileSync(path, times.lastLine(), { append: true });
      this.#written = true;
    } catch {
      // The disk is full, or the container was removed: the times are kept in memory.
      this.#written = false;
    }
  }

  /** Offset of the first line that begins at or after an offset. */
  async #lineFrom(file: Deno.FsFile, offset: number, end: number): Promise<number> {
    if (offset === 0) return 0;
    // The byte before the offset tells whether a line begins there.
    for (let at = offset - 1; at < end;) {
      const bytes = await readAt(file, at, Math.min(CHUNK, end - at));
      if (bytes.length === 0) break;
      const found = bytes.indexOf(NEWLINE);
      if (found >= 0) return at + found + 1;
      at += bytes.length;
    }
    return offset;
  }

  /** Offset at which the last `lines` lines begin, at least `start`. */
  async #tail(file: Deno.FsFile, start: number, end: number, lines: number): Promise<number> {
    if (lines === 0) return end;
    let left = lines;
    for (let to = end; to > start;) {
      const from = Math.max(start, to - CHUNK);
      const bytes = await readAt(file, from, to - from);
      if (bytes.length < to - from) return start;
      for (let i = bytes.length - 1; i >= 0; i--) {
        // A newline at the very end ends the last line and doesn't begin another.
        if (bytes[i] !== NEWLINE || from + i === end - 1) continue;
        if (--left === 0) return from + i + 1;
      }
      to = from;
    }
    return start;
  }

  /** Returns a function that adds times to the lines of consecutive chunks. */
  #stamper(): (bytes: Uint8Array<ArrayBuffer>, at: number) => Uint8Array<ArrayBuffer> {
    const encoder = new TextEncoder();
    let begins = true;
    return (bytes, at) => {
      const parts: Uint8Array[] = [];
      for (let from = 0; from < bytes.length;) {
        const found = bytes.indexOf(NEWLINE, from);
        const to = found < 0 ? bytes.length : found + 1;
        if (begins) {
          const time = new Date(this.#load().at(at + from) ?? Date.now()).toISOString();
          parts.push(encoder.encode(`${time} `));
        }
        parts.push(bytes.subarray(from, to));
        begins = found >= 0;
        from = to;
      }
      return concat(parts);
    };
  }
}

async function readAt(
  file: Deno.FsFile,
  at: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  await file.seek(at, Deno.SeekMode.Start);
  const buffer = new Uint8Array(length);
  let read = 0;
  while (read < length) {
    const n = await file.read(buffer.subarray(read));
    if (n === null) break;
    read += n;
  }
  return buffer.subarray(0, read);
}

function concat(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
