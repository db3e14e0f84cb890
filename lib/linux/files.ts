/**
 * Files that a container's processes may have replaced: opened only when they are regular files, never
 * through a link, and never by an open that a pipe or a device notices. The file is examined first through
 * a descriptor that stands for the path alone (O_PATH), and that very file is opened then.
 * Sources: openat2(2), open(2), statx(2), fstatfs(2), proc_pid_fd(5).
 *
 * @module
 */
import { NetsvcError } from "../api/errors.ts";
import { closeFd, cString, errnoError, libc } from "./libc.ts";

const O_RDONLY = 0;
const O_RDWR = 2;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_NOCTTY = 0o400;
const O_NONBLOCK = 0o4000;
const O_NOFOLLOW = 0o400000;
const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;
/** Not through links, neither of the file system nor of /proc, and not above where it begins. */
const RESOLVE = 0x02 | 0x04 | 0x10;
const SYS_OPENAT2 = 437n;
const ENOENT = 2;
const ENOTDIR = 20;
const ELOOP = 40;
const EEXIST = 17;
/** Mode of files that are created: all users can read them, whatever the umask. */
const MODE = 0o644;
/** Size of `struct open_how`: three 64-bit words, flags, mode, resolve. */
const HOW_SIZE = 24;
/** Size of `struct statx`, whose layout is the same on every machine, in bytes (statx(2)). */
const STATX_SIZE = 256;
/** `STATX_TYPE | STATX_INO`: the fields asked for. */
const STATX_TYPE_INO = 0x101;
/** Offset of `stx_mode`. */
const MODE_AT = 28;
/** Offset of `stx_ino`. */
const INO_AT = 32;
/** Offset of `stx_dev_major`. */
const DEV_MAJOR_AT = 136;
/** Offset of `stx_dev_minor`. */
const DEV_MINOR_AT = 140;
const AT_EMPTY_PATH = 0x1000;
/** Longest file that is read, in bytes. */
const MAX_BYTES = 1024 * 1024;

/** What isn't a regular file, by the type in its mode. */
const KINDS: Record<number, string> = {
  0o120000: "is a link",
  0o010000: "is a pipe",
  0o020000: "is a device",
  0o060000: "is a device",
  0o040000: "is a directory",
  0o140000: "is a socket",
};
/** `S_IFMT` (inode(7)). */
const TYPE_MASK = 0o170000;
/** `S_IFREG`. */
const REGULAR = 0o100000;

/**
 * File systems whose files are not plain data: a write to them is a command to the kernel, or a
 * request to a FUSE server, which may never answer (magic.h).
 */
const NO_FILES: Record<number, string> = {
  0x9fa0: "proc",
  0x62656572: "sysfs",
  0x27e0eb: "cgroup",
  0x63677270: "cgroup2",
  0x64626720: "debugfs",
  0x74726163: "tracefs",
  0x73636673: "securityfs",
  0xf97cff8c: "selinuxfs",
  0x43415d53: "smackfs",
  0x62656570: "configfs",
  0x1cd1: "devpts",
  0xde5e81e4: "efivarfs",
  0xcafe4a11: "bpf",
  0x6165676c: "pstore",
  0x19800202: "mqueue",
  0x42494e4d: "binfmt_misc",
  0x6e736673: "nsfs",
  0x65735546: "FUSE",
  0x65735543: "FUSE",
};

/** An open regular file. */
export interface OpenFile {
  fd: number;
  /** Unique among the files of this machine. */
  identity: string;
}

/** Why a file isn't used: words that follow its name. */
export class UnfitFile extends NetsvcError {
  constructor(why: string) {
    super("invalid", why);
  }
}

function openat2(directory: number, path: string, flags: number, mode = 0): number {
  const how = new BigUint64Array([BigInt(flags | O_CLOEXEC), BigInt(mode), BigInt(RESOLVE)]);
  return Number(
    libc().openat2(
      SYS_OPENAT2,
      directory,
      cString(path),
      new Uint8Array(how.buffer),
      BigInt(HOW_SIZE),
    ),
  );
}

function look(fd: number, path: string): { mode: number; identity: string; fileSystem: number } {
  const buffer = new Uint8Array(STATX_SIZE);
  if (libc().statx(fd, cString(""), AT_EMPTY_PATH, STATX_TYPE_INO, buffer) !== 0) {
    throw errnoError(`look at "${path}"`);
  }
  const view = new DataView(buffer.buffer);
  const device = [DEV_MAJOR_AT, DEV_MINOR_AT].map((at) => view.getUint32(at, true)).join(":");
  const fs = new Uint8Array(256);
  if (libc().fstatfs(fd, fs) !== 0) throw errnoError(`look at "${path}"`);
  return {
    mode: view.getUint16(MODE_AT, true),
    identity: `${device}/${view.getBigUint64(INO_AT, true)}`,
    fileSystem: new DataView(fs.buffer).getUint32(0, true),
  };
}

/** Opens a directory by a path of the caller's own, to begin from. */
export function openDirectory(path: string): number | undefined {
  const fd = libc().open(cString(path), O_PATH | O_CLOEXEC, 0);
  return fd < 0 ? undefined : fd;
}

/** Unique among the directories of this machine. */
export function identityOf(fd: number): string {
  return look(fd, "/").identity;
}

/** How {@linkcode openRegular} opens. */
export interface OpenOptions {
  /** The descriptor of this host's own `/proc`, by which an O_PATH descriptor is opened. */
  proc: number;
  /** Create it, empty, where it doesn't exist. */
  make?: boolean;
}

/**
 * Opens a regular file below a directory, for reading and, where that is allowed, writing.
 *
 * @returns `undefined` where there is no such file
 * @throws {UnfitFile} naming what is there instead
 */
export function openRegular(
  { directory, path }: { directory: number; path: string },
  { proc, make = false }: OpenOptions,
): OpenFile | undefined {
  const at = openat2(directory, path, O_PATH | O_NOFOLLOW);
  if (at < 0) {
    const error = errnoError(`open "${path}"`);
    if (error.errno === ELOOP || error.errno === ENOTDIR) {
      throw new UnfitFile("is behind a link");
    }
    if (error.errno !== ENOENT) throw error;
    return make ? makeRegular(directory, path) : undefined;
  }
  try {
    const { mode, identity, fileSystem } = look(at, path);
    if ((mode & TYPE_MASK) !== REGULAR) {
      throw new UnfitFile(KINDS[mode & TYPE_MASK] ?? "is not a regular file");
    }
    const kind = NO_FILES[fileSystem];
    if (kind !== undefined) throw new UnfitFile(`is on a file system of the kind ${kind}`);
    // The file that was looked at, whatever is at its path by now.
    const reopen = (flags: number) =>
      libc().openat(proc, cString(`self/fd/${at}`), flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
    let fd = reopen(O_RDWR);
    // One that can't be written is read all the same.
    if (fd < 0) fd = reopen(O_RDONLY);
    if (fd < 0) throw errnoError(`open "${path}"`);
    return { fd, identity };
  } finally {
    closeFd(at);
  }
}

function makeRegular(directory: number, path: string): OpenFile | undefined {
  const flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY;
  const fd = openat2(directory, path, flags, MODE);
  if (fd < 0) {
    const error = errnoError(`make "${path}"`);
    if (error.errno === EEXIST) throw new UnfitFile("is being changed by another process");
    if (error.errno === ENOENT) return undefined;
    throw error;
  }
  libc().fchmod(fd, MODE);
  return { fd, identity: look(fd, path).identity };
}

/** The text of an open file, to its first MiB. */
export function readOpen({ fd }: OpenFile): string {
  let buffer = new Uint8Array(4096);
  let length = 0;
  while (length < MAX_BYTES) {
    if (length === buffer.length) {
      const larger = new Uint8Array(Math.min(MAX_BYTES, 4 * length));
      larger.set(buffer);
      buffer = larger;
    }
    const rest = buffer.subarray(length);
    const n = Number(libc().pread(fd, rest, BigInt(rest.length), BigInt(length)));
    if (n < 0) throw errnoError("read a file of a container");
    if (n === 0) break;
    length += n;
  }
  return new TextDecoder().decode(buffer.subarray(0, length));
}

/** Replaces the text of an open file, in place, since it may be a mount: it is cut when all is written. */
export function writeOpen({ fd }: OpenFile, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) {
    const rest = bytes.subarray(at);
    const n = Number(libc().pwrite(fd, rest, BigInt(rest.length), BigInt(at)));
    if (n <= 0) throw errnoError("write a file of a container");
    at += n;
  }
  if (libc().ftruncate(fd, BigInt(bytes.length)) !== 0) {
    throw errnoError("cut a file of a container");
  }
}
