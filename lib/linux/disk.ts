/**
 * How much room a file system has.
 *
 * @module
 */
import { errnoError, libc } from "./libc.ts";
import { openDirectory } from "./files.ts";

/** Offsets in `struct statfs` of 64-bit Linux, in bytes (statfs(2)). */
const BLOCK_SIZE_AT = 8;
const AVAILABLE_AT = 32;
const STATFS_SIZE = 256;

/**
 * Bytes that a user without privileges can still write to the file system of a directory.
 *
 * @returns `undefined` where there is no such directory. @throws {NetsvcError} `kernel`
 */
export function freeBytes(directory: string): number | undefined {
  const fd = openDirectory(directory);
  if (fd === undefined) return undefined;
  try {
    const bytes = new Uint8Array(STATFS_SIZE);
    if (libc().fstatfs(fd, bytes) !== 0) throw errnoError(`look at the disk of "${directory}"`);
    const view = new DataView(bytes.buffer);
    return Number(view.getBigInt64(BLOCK_SIZE_AT, true) * view.getBigUint64(AVAILABLE_AT, true));
  } finally {
    libc().close(fd);
  }
}

/** `120 MB`; less than one with a digit. */
export function megabytes(bytes: number): string {
  const mb = bytes / 1e6;
  return `${mb < 1 ? mb.toFixed(1) : Math.round(mb)} MB`;
}
