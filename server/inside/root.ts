/**
 * Makes a directory the root of this process's mount namespace, with the /proc, /sys and /dev of a container. Safe
 * whatever the directory contains, and even while other processes change it: mounts are prepared detached and
 * attached to open directories, never to a path that is resolved twice. Sources: pivot_root(2), fsopen(2),
 * open_tree(2), move_mount(2), mount_setattr(2); which paths are hidden is Docker's choice (oci/defaults.go).
 *
 * @module
 */
import {
  closeFd,
  cString,
  ENOENT,
  errno,
  errnoError,
  libc,
  MNT_DETACH,
  MS_PRIVATE,
  MS_REC,
} from "../../lib/linux/libc.ts";
import { NetsvcError } from "../../lib/api/errors.ts";

const SYS_OPEN_TREE = 428n;
const SYS_MOVE_MOUNT = 429n;
const SYS_FSOPEN = 430n;
const SYS_FSCONFIG = 431n;
const SYS_FSMOUNT = 432n;
const SYS_OPENAT2 = 437n;
const SYS_MOUNT_SETATTR = 442n;
const SYS_PIVOT_ROOT = Deno.build.arch === "x86_64" ? 155n : 41n;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const MOVE_FROM_AND_TO_FD = 0x04 | 0x40;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CREATE = 6;
/** Attributes of mounts, `MOUNT_ATTR_…` (mount_setattr(2)). */
const RDONLY = 1;
const NOSUID = 2;
const NODEV = 4;
const NOEXEC = 8;
const O_PATH = 0o10000000;
const O_DIRECTORY = 0o200000;
const O_NOFOLLOW = 0o400000;
const O_CLOEXEC = 0o2000000;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
/** `RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS` (openat2(2)). */
const NO_LINKS = 0x02 | 0x04;
/** `RESOLVE_NO_MAGICLINKS | RESOLVE_IN_ROOT` (openat2(2)). */
const IN_ROOT = 0x02 | 0x10;
const EEXIST = 17;

/** Paths below /proc and /sys that are hidden, or kept from being written. */
const HIDDEN_PROC = [
  ...[
    "asound",
    "acpi",
    "interrupts",
    "kcore",
    "keys",
    "latency_stats",
    "timer_list",
    "timer_stats",
  ],
  ...["sched_debug", "scsi"],
];
const READ_ONLY_PROC = ["bus", "fs", "irq", "sys", "sysrq-trigger"];
const HIDDEN_SYS = ["firmware", "devices/virtual/powercap"];
/** Devices that a container may use. */
const DEVICES = ["null", "zero", "full", "random", "urandom", "tty"];
const DEV_LINKS: [name: string, to: string][] = [
  ["fd", "/proc/self/fd"],
  ["stdin", "/proc/self/fd/0"],
  ["stdout", "/proc/self/fd/1"],
  ["stderr", "/proc/self/fd/2"],
  ["ptmx", "pts/ptmx"],
];

export interface RootOptions {
  path: string;
  binds: [source: string, target: string][];
  ownNetwork: boolean;
  privileged: boolean;
}

type Word = number | bigint | Uint8Array<ArrayBuffer> | null;

/** Makes a system call that libc has no function for. */
function call(number: bigint, ...words: Word[]): number {
  const pointer = (word: Word | undefined) =>
    typeof word === "number" || typeof word === "bigint"
      ? BigInt(word)
      : word
      ? BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(word)))
      : 0n;
  const [a, b, c, d, e] = [0, 1, 2, 3, 4].map((i) => pointer(words[i]));
  return Number(libc().syscall5(number, a!, b!, c!, d!, e!));
}

function must(what: string, result: number): number {
  if (result < 0) throw errnoError(what);
  return result;
}

function setAttributes(fd: number, set: number, recursive = false): void {
  const attributes = new BigUint64Array([BigInt(set), 0n, 0n, 0n]);
  must(
    "set a mount's attributes",
    call(
      SYS_MOUNT_SETATTR,
      fd,
      cString(""),
      AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0),
      new Uint8Array(attributes.buffer),
      32,
    ),
  );
}

/** A detached clone of the mount at a path. */
function clone(directory: number, path: string, recursive = false): number {
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0) |
    (path === "" ? AT_EMPTY_PATH : 0);
  return must(`take "${path}"`, call(SYS_OPEN_TREE, directory, cString(path), flags));
}

/** A detached mount of a new file system. */
function make(type: string, options: Record<string, string>, attributes: number): number {
  const fd = must(`make a file system "${type}"`, call(SYS_FSOPEN, cString(type), 1));
  try {
    for (const [key, value] of Object.entries({ source: type, ...options })) {
      const words: Word[] = [fd, FSCONFIG_SET_STRING, cString(key), cString(value), 0];
      must(`set "${key}" of "${type}"`, call(SYS_FSCONFIG, ...words));
    }
    must(`make a file system "${type}"`, call(SYS_FSCONFIG, fd, FSCONFIG_CREATE, null, null, 0));
    return must(`make a file system "${type}"`, call(SYS_FSMOUNT, fd, 1, attributes));
  } finally {
    closeFd(fd);
  }
}

function put(mount: number, target: number, name: string): void {
  must(
    `mount "${name}"`,
    call(SYS_MOVE_MOUNT, mount, cString(""), target, cString(""), MOVE_FROM_AND_TO_FD),
  );
}

function open(directory: number, path: string, flags: number, resolve: number, mode = 0): number {
  const how = new BigUint64Array([BigInt(flags | O_CLOEXEC), BigInt(mode), BigInt(resolve)]);
  return call(SYS_OPENAT2, directory, cString(path), new Uint8Array(how.buffer), 24);
}

/** A directory directly below an open one, made where it is missing; `undefined` where it can't be made. */
function child(directory: number, name: string): number | undefined {
  const flags = O_PATH | O_DIRECTORY | O_NOFOLLOW;
  let fd = open(directory, name, flags, NO_LINKS);
  if (fd < 0 && errno() === ENOENT && libc().mkdirat(directory, cString(name), 0o755) === 0) {
    fd = open(directory, name, flags, NO_LINKS);
  }
  if (fd >= 0) return fd;
  const code = errno();
  if (code === ENOENT || code === 30) return undefined; // The root is read-only.
  throw new NetsvcError(
    "invalid",
    `Cannot use this root: its "/${name}" is not a directory (${errnoError("", code).message})`,
  );
}

function emptyFile(directory: number, name: string): number {
  const made = must(`make "${name}"`, open(directory, name, O_CREAT | O_EXCL, NO_LINKS, 0o644));
  closeFd(made);
  return must(`open "${name}"`, open(directory, name, O_PATH, NO_LINKS));
}

/** Mounts over a file or directory, if it exists. */
function over(directory: number, path: string, what: (fd: number) => number): void {
  const fd = open(directory, path, O_PATH, NO_LINKS);
  if (fd < 0) return;
  const mount = what(fd);
  put(mount, fd, path);
  closeFd(fd);
  closeFd(mount);
}

function isDirectory(fd: number): boolean {
  const again = open(fd, ".", O_PATH | O_DIRECTORY, 0);
  if (again >= 0) closeFd(again);
  return again >= 0;
}

function hide(directory: number, path: string, nothing: number): void {
  over(
    directory,
    path,
    (fd) =>
      isDirectory(fd)
        ? make("tmpfs", { size: "0", mode: "555" }, RDONLY | NOSUID | NODEV | NOEXEC)
        : clone(nothing, ""),
  );
}

/** The file that a bind covers: links are followed inside the root; a missing file is made there. */
function bindTarget(root: number, path: string): number | undefined {
  const find = () => open(root, path, O_PATH, IN_ROOT);
  let fd = find();
  if (fd >= 0) return fd;
  // The file's directory, resolved in the root: a link can't lead out of it.
  let at = libc().openat(root, cString("."), O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  const parts = path.split("/").filter(Boolean);
  for (const part of parts.slice(0, -1)) {
    let next = open(at, part, O_PATH | O_DIRECTORY, NO_LINKS);
    if (next < 0) {
      libc().mkdirat(at, cString(part), 0o755);
      next = open(at, part, O_PATH | O_DIRECTORY, NO_LINKS);
    }
    closeFd(at);
    if (next < 0) return undefined;
    at = next;
  }
  const name = parts.at(-1)!;
  let made = open(at, name, O_CREAT | O_EXCL, NO_LINKS, 0o644);
  if (made < 0 && errno() === EEXIST) {
    // A link to a target that isn't in the root: a file of the container's own replaces it.
    libc().unlinkat(at, cString(name), 0);
    made = open(at, name, O_CREAT | O_EXCL, NO_LINKS, 0o644);
  }
  if (made >= 0) closeFd(made);
  fd = open(at, name, O_PATH, NO_LINKS);
  closeFd(at);
  return fd < 0 ? undefined : fd;
}

/** Makes a directory the root. @throws {NetsvcError} `kernel`, `invalid` */
export function enterRoot({ path, binds, privileged, ownNetwork }: RootOptions): void {
  const { mount, fchdir, umount2, umask } = libc();
  umask(0o022);
  const none = cString("none");
  must("keep mounts apart", mount(none, cString("/"), none, BigInt(MS_PRIVATE | MS_REC), null));
  const root = clone(AT_FDCWD, path, true);
  const devices = privileged
    ? [clone(AT_FDCWD, "/dev", true)]
    : DEVICES.map((name) => clone(AT_FDCWD, `/dev/${name}`));
  const terminal = Deno.stdin.isTerminal() ? clone(AT_FDCWD, "/proc/self/fd/0") : undefined;
  const sources = binds.map(([source, target]) => ({ fd: clone(AT_FDCWD, source), target }));
  if (!privileged) setAttributes(root, NODEV, true);
  // The new root is stacked on the old one, which the next step detaches.
  const old = must("open /", libc().open(cString("/"), O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
  put(root, old, path);
  must("go to the root", fchdir(root));
  must("change the root", call(SYS_PIVOT_ROOT, cString("."), cString(".")));
  must("leave the host's root", umount2(cString("."), MNT_DETACH));
  must("go to the root", fchdir(root));
  closeFd(old);

  mountProc(root, { privileged, nothing: devices[0]! });
  mountSys(root, { privileged, ownNetwork, nothing: devices[0]! });
  const dev = child(root, "dev");
  if (dev !== undefined) {
    if (privileged) put(devices[0]!, dev, "dev");
    else privateDev(dev, devices, terminal);
    closeFd(dev);
  }
  for (const { fd, target } of sources) {
    const at = bindTarget(root, target);
    if (at !== undefined) {
      put(fd, at, target);
      closeFd(at);
    }
    closeFd(fd);
  }
  for (const fd of [...devices, terminal, root]) if (fd !== undefined) closeFd(fd);
}

/** Options for showing a file system of the kernel's. */
interface Shown {
  privileged: boolean;
  /** The descriptor that is mounted over hidden files. */
  nothing: number;
}

/** Mounts a /proc with the container's processes, and those of the kernel's settings that it may see. */
function mountProc(root: number, { privileged, nothing }: Shown): void {
  const proc = child(root, "proc");
  if (proc === undefined) return;
  const made = make("proc", {}, NOSUID | NODEV | NOEXEC);
  put(made, proc, "proc");
  if (!privileged) {
    for (const name of HIDDEN_PROC) hide(made, name, nothing);
    for (const name of READ_ONLY_PROC) {
      over(made, name, (fd) => {
        const same = clone(fd, "", true);
        setAttributes(same, RDONLY | NOSUID | NODEV | NOEXEC, true);
        return same;
      });
    }
  }
  closeFd(made);
  closeFd(proc);
}

/** Mounts the devices of the container's network namespace, read-only. */
function mountSys(
  root: number,
  { privileged, ownNetwork, nothing }: Shown & Pick<RootOptions, "ownNetwork">,
): void {
  const sys = child(root, "sys");
  if (sys === undefined) return;
  const readOnly = privileged && ownNetwork ? 0 : RDONLY;
  const made = make("sysfs", {}, readOnly | NOSUID | NODEV | NOEXEC);
  put(made, sys, "sys");
  if (!privileged) { for (const name of HIDDEN_SYS) hide(made, name, nothing); }
  closeFd(made);
  closeFd(sys);
}

/** Mounts a /dev with the devices that every program expects, and none of the host's. */
function privateDev(target: number, devices: number[], terminal: number | undefined): void {
  const attributes = NOSUID | NODEV | NOEXEC;
  const dev = make("tmpfs", { mode: "755", size: "64k" }, NOSUID | NODEV);
  DEVICES.forEach((name, i) => {
    const at = emptyFile(dev, name);
    put(devices[i]!, at, name);
    closeFd(at);
  });
  for (const [name, to] of DEV_LINKS) libc().symlinkat(cString(to), dev, cString(name));
  const mounts: [name: string, mount: number][] = [
    // Terminals are devices, but of this file system alone.
    ["pts", make("devpts", { ptmxmode: "0666", mode: "0620", gid: "5" }, NOSUID | NOEXEC)],
    ["shm", make("tmpfs", { mode: "1777", size: "64m" }, attributes)],
    ["mqueue", make("mqueue", {}, attributes)],
  ];
  for (const [name, mount] of mounts) {
    libc().mkdirat(dev, cString(name), 0o755);
    const at = must(`open "${name}"`, open(dev, name, O_PATH | O_DIRECTORY, NO_LINKS));
    put(mount, at, name);
    closeFd(at);
    closeFd(mount);
  }
  if (terminal !== undefined) {
    const at = emptyFile(dev, "console");
    put(terminal, at, "console");
    closeFd(at);
  }
  put(dev, target, "dev");
  closeFd(dev);
}
