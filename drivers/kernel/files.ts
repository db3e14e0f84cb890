/**
 * Files of containers, opened below the container's own root: what a link inside points to is looked
 * up there and not on the host (openat2(2), RESOLVE_IN_ROOT).
 *
 * @module
 */
import { closeFd, cString, errnoError, libc, openFd } from "./libc.ts";

const O_RDONLY = 0, O_WRONLY = 1, O_CREAT = 0o100, O_TRUNC = 0o1000, O_CLOEXEC = 0o2000000;
/** Of files that are made: everybody reads them. */
const MODE = 0o644;
const RESOLVE_IN_ROOT = 0x10;
const ENOENT = 2;
/** Size of `struct open_how`: three 64-bit words, flags, mode, resolve. */
const HOW_SIZE = 24;
/** `struct statx` and what is read of it, all with the same layout on every machine (statx(2)). */
const STATX_SIZE = 256, STATX_INO = 0x100, INO_AT = 32, DEV_MAJOR_AT = 136, DEV_MINOR_AT = 140;
const AT_EMPTY_PATH = 0x1000;
/** Longest file that is read, and what most files fit into, in bytes. */
const MAX_BYTES = 1024 * 1024, FIRST_BYTES = 4096;

/** Opens a path below a root; `undefined` when there is no such file, or no such root any more. */
function openInRoot(root: string, path: string, flags: number): number | undefined {
  const how = new BigUint64Array(HOW_SIZE / 8);
  how[0] = BigInt(flags | O_CLOEXEC);
  how[1] = BigInt(flags & O_CREAT ? MODE : 0);
  how[2] = BigInt(RESOLVE_IN_ROOT);
  const directory = openRoot(root);
  if (directory === undefined) return undefined;
  try {
    const fd = Number(
      libc().openat2(
        437n,
        directory,
        cString(path),
        new Uint8Array(how.buffer),
        BigInt(HOW_SIZE),
      ),
    );
    if (fd >= 0) return fd;
    const error = errnoError(`open "${path}" of a container`);
    if (error.errno === ENOENT) return undefined;
    throw error;
  } finally {
    closeFd(directory);
  }
}

/** A container's root goes with its process. */
function openRoot(root: string): number | undefined {
  try {
    return openFd(root);
  } catch (error) {
    if ((error as { errno?: number }).errno === ENOENT) return undefined;
    throw error;
  }
}

/** The text of a file below a root; `undefined` when there is none. */
export function readInRoot(root: string, path: string): string | undefined {
  const fd = openInRoot(root, path, O_RDONLY);
  if (fd === undefined) return undefined;
  try {
    let buffer = new Uint8Array(FIRST_BYTES);
    let length = 0;
    while (length < MAX_BYTES) {
      if (length === buffer.length) {
        const larger = new Uint8Array(Math.min(MAX_BYTES, 4 * length));
        larger.set(buffer);
        buffer = larger;
      }
      const rest = buffer.subarray(length);
      const n = Number(libc().read(fd, rest, BigInt(rest.length)));
      if (n < 0) throw errnoError(`read "${path}" of a container`);
      if (n === 0) break;
      length += n;
    }
    return new TextDecoder().decode(buffer.subarray(0, length));
  } finally {
    closeFd(fd);
  }
}

/** Replaces the text of a file below a root, in place: it may be a mount. `make`: where there is none. */
export function writeInRoot(
  root: string,
  path: string,
  text: string,
  { make = false }: { make?: boolean } = {},
): void {
  const fd = openInRoot(root, path, O_WRONLY | O_TRUNC | (make ? O_CREAT : 0));
  if (fd === undefined) throw errnoError(`write "${path}" of a container`, ENOENT);
  try {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) {
      const n = Number(libc().write(fd, bytes.subarray(at), BigInt(bytes.length - at)));
      if (n <= 0) throw errnoError(`write "${path}" of a container`);
      at += n;
    }
  } finally {
    closeFd(fd);
  }
}

/** What tells a file from every other one of this machine; `undefined` when there is none. */
export function fileIdentity(root: string, path: string): string | undefined {
  const fd = openInRoot(root, path, O_RDONLY);
  if (fd === undefined) return undefined;
  try {
    const buffer = new Uint8Array(STATX_SIZE);
    if (libc().statx(fd, cString(""), AT_EMPTY_PATH, STATX_INO, buffer) !== 0) {
      throw errnoError(`look at "${path}" of a container`);
    }
    const view = new DataView(buffer.buffer);
    const device = [DEV_MAJOR_AT, DEV_MINOR_AT].map((at) => view.getUint32(at, true)).join(":");
    return `${device}/${view.getBigUint64(INO_AT, true)}`;
  } finally {
    closeFd(fd);
  }
}
