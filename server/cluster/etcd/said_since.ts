/**
 * What a program has added to its log since a moment.
 *
 * @module
 */

/** Of what it has said, the end is read, in bytes. */
const MAX_BYTES = 64 * 1024;

/** Of a file, in bytes; 0 where there is none. */
export function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch {
    return 0;
  }
}

/**
 * The last lines of a log that were written since it had a size; all of a log that somebody has emptied meanwhile.
 *
 * @param size in bytes
 */
export function linesSince(path: string, size: number): string[] {
  const now = sizeOf(path);
  const from = Math.max(size > now ? 0 : size, now - MAX_BYTES);
  if (from >= now) return [];
  using file = Deno.openSync(path);
  file.seekSync(from, Deno.SeekMode.Start);
  const bytes = new Uint8Array(now - from);
  const read = file.readSync(bytes) ?? 0;
  return new TextDecoder().decode(bytes.subarray(0, read)).split("\n").filter(Boolean);
}
