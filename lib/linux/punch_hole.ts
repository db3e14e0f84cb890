/**
 * Frees the beginning of a file that others append to, without moving what is behind it.
 *
 * @module
 */
import { cString, errnoError, libc } from "./libc.ts";

const O_WRONLY_CLOEXEC = 1 | 0o2000000;
/** Flag of fallocate(2): the file keeps its length. */
const KEEP_SIZE = 1;
/** Flag of fallocate(2): the range is freed. */
const PUNCH_HOLE = 2;
/** Whole blocks are freed; of tmpfs, pages. */
const BLOCK = 4096;

/**
 * Frees a file's bytes before an offset, which are then read as zeros; the file stays as long as it is.
 *
 * @returns the offset, in bytes, before which all is freed: whole blocks
 * @throws {NetsvcError} `kernel` where the file system can't
 */
export function punchHole(path: string, before: number): number {
  const { open, close, fallocate } = libc();
  const length = Math.floor(before / BLOCK) * BLOCK;
  if (length <= 0) return 0;
  const fd = open(cString(path), O_WRONLY_CLOEXEC, 0);
  if (fd < 0) throw errnoError(`open "${path}"`);
  try {
    if (fallocate(fd, KEEP_SIZE | PUNCH_HOLE, 0n, BigInt(length)) === 0) return length;
    throw errnoError(`free the beginning of "${path}"`);
  } finally {
    close(fd);
  }
}
