/**
 * The few system calls that Deno has no API for, through `Deno.dlopen` of libc. All of them are
 * synchronous unless they say otherwise, and fail with a {@linkcode NetsvcError} that holds errno.
 *
 * The file functions exist because Deno refuses `/proc` and `/sys` to a program that runs with
 * narrowed permissions.
 *
 * @module
 */
import { NetsvcError } from "../api/errors.ts";

/** `clone(2)` flag: network namespace. */
export const CLONE_NEWNET = 0x40000000;
/** `mount(2)` flag: bind mount. */
export const MS_BIND = 4096;
/** `mount(2)` flag: with all mounts below. */
export const MS_REC = 16384;
/** `mount(2)` flag: propagates no mounts. */
export const MS_PRIVATE = 1 << 18;
/** `mount(2)` flag: propagates mounts both ways. */
export const MS_SHARED = 1 << 20;
/** `umount2(2)` flag: detach now, clean up when unused. */
export const MNT_DETACH = 2;
/** `errno` of a name that another socket has. */
export const EADDRINUSE = 98;
/** `errno` of a file system that can only be read. */
const EROFS = 30;
/** `errno` of a missing file or directory. */
export const ENOENT = 2;
const O_RDONLY = 0;
const O_WRONLY = 1;
const O_NOCTTY = 0o400;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

const LIBRARY = "libc.so.6";
const SYMBOLS = {
  open: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  openat: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  close_later: { name: "close", parameters: ["i32"], result: "i32", nonblocking: true },
  pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "isize" },
  pwrite: { parameters: ["i32", "buffer", "usize", "i64"], result: "isize" },
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  fchmod: { parameters: ["i32", "u32"], result: "i32" },
  fstatfs: { parameters: ["i32", "buffer"], result: "i32" },
  fchdir: { parameters: ["i32"], result: "i32" },
  chdir: { parameters: ["buffer"], result: "i32" },
  chroot: { parameters: ["buffer"], result: "i32" },
  setgroups: { parameters: ["usize", "pointer"], result: "i32" },
  setresgid: { parameters: ["u32", "u32", "u32"], result: "i32" },
  setresuid: { parameters: ["u32", "u32", "u32"], result: "i32" },
  capset: { parameters: ["buffer", "buffer"], result: "i32" },
  prctl: { parameters: ["i32", "usize", "usize", "usize", "usize"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  fallocate: { parameters: ["i32", "i32", "i64", "i64"], result: "i32" },
  setns: { parameters: ["i32", "i32"], result: "i32" },
  unshare: { parameters: ["i32"], result: "i32" },
  mount: { parameters: ["buffer", "buffer", "buffer", "usize", "pointer"], result: "i32" },
  umount2: { parameters: ["buffer", "i32"], result: "i32" },
  umount2_later: {
    name: "umount2",
    parameters: ["buffer", "i32"],
    result: "i32",
    nonblocking: true,
  },
  readlink: { parameters: ["buffer", "buffer", "usize"], result: "isize" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  accept4: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  recvfrom: {
    parameters: ["i32", "buffer", "usize", "i32", "buffer", "buffer"],
    result: "isize",
  },
  // The length as 32 bits: a datagram has no more, and numbers cost less than bigints. Linux's 64-bit
  // ABIs pass and return them alike.
  sendto32: {
    name: "sendto",
    parameters: ["i32", "buffer", "u32", "i32", "buffer", "u32"],
    result: "i32",
  },
  recvmmsg: { parameters: ["i32", "buffer", "u32", "i32", "pointer"], result: "i32" },
  sendmmsg: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getdents64: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  // Variadic, but on Linux's 64-bit ABIs a third word is passed alike.
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  pidfd_getfd: { name: "syscall", parameters: ["i64", "i32", "i32", "u32"], result: "i64" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  sendto: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"], result: "isize" },
  sendto_later: {
    name: "sendto",
    parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"],
    result: "isize",
    nonblocking: true,
  },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  inet_pton: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  if_nametoindex: { parameters: ["buffer"], result: "u32" },
  if_indextoname: { parameters: ["u32", "buffer"], result: "pointer" },
  // Variadic, but on Linux's 64-bit ABIs a third word is passed alike.
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  kill: { parameters: ["i32", "i32"], result: "i32" },
  ptrace: { parameters: ["i64", "i32", "i64", "i64"], result: "i64" },
  waitpid: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  malloc_trim: { parameters: ["usize"], result: "i32", nonblocking: true },
  sched_yield: { parameters: [], result: "i32", nonblocking: true },
  geteuid: { parameters: [], result: "u32" },
  syscall: { parameters: ["i64", "i64", "i64"], result: "i64" },
  syscall5: {
    name: "syscall",
    parameters: ["i64", "i64", "i64", "i64", "i64", "i64"],
    result: "i64",
  },
  sched_setattr: {
    name: "syscall",
    parameters: ["i64", "i32", "buffer", "u32"],
    result: "i64",
  },
  execve: { parameters: ["buffer", "buffer", "buffer"], result: "i32" },
  signal: { parameters: ["i32", "usize"], result: "usize" },
  umask: { parameters: ["u32"], result: "u32" },
  mkdirat: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  unlinkat: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  symlinkat: { parameters: ["buffer", "i32", "buffer"], result: "i32" },
  // There is no openat2 in libc before 2.41.
  openat2: {
    name: "syscall",
    parameters: ["i64", "i32", "buffer", "buffer", "usize"],
    result: "i64",
  },
  statx: { parameters: ["i32", "buffer", "i32", "u32", "buffer"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: {
    parameters: ["i32", "buffer", "i32", "i32"],
    result: "i32",
    nonblocking: true,
  },
  epoll_wait_here: {
    name: "epoll_wait",
    parameters: ["i32", "buffer", "i32", "i32"],
    result: "i32",
  },
  __errno_location: { parameters: [], result: "pointer" },
  strerror: { parameters: ["i32"], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

type Symbols = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

let symbols: Symbols | undefined;

/** The symbols of libc, loaded at first use: the client never needs them. */
export function libc(): Symbols {
  return symbols ??= Deno.dlopen(LIBRARY, SYMBOLS).symbols;
}

/**
 * Has each symbol bound when it is first used, unless libc is loaded already: Deno compiles a call of each, some 0.2 ms,
 * and a start needs a third of them.
 */
export function bindWhenUsed(): void {
  symbols ??= byNeed();
}

function byNeed(): Symbols {
  // Bound at once: to bind it after a call that failed would change what it is to tell.
  const { __errno_location } = SYMBOLS;
  const made = { ...Deno.dlopen(LIBRARY, { __errno_location }).symbols };
  for (const [name, symbol] of Object.entries(SYMBOLS)) {
    if (name in made) continue;
    Object.defineProperty(made, name, {
      configurable: true,
      enumerable: true,
      get() {
        const value = Deno.dlopen(LIBRARY, { [name]: symbol }).symbols[name];
        Object.defineProperty(made, name, { value, enumerable: true });
        return value;
      },
    });
  }
  return made as unknown as Symbols;
}

/** A NUL-terminated string for libc. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/** The thread's `errno`; read it before anything else runs. */
export function errno(): number {
  return new Deno.UnsafePointerView(libc().__errno_location()!).getInt32();
}

/** The system's own words for an `errno`. */
export function errnoWords(code: number): string {
  const pointer = libc().strerror(code);
  return pointer ? new Deno.UnsafePointerView(pointer).getCString() : `errno ${code}`;
}

/** An error from `errno`: `kernel`, with the system's own words. */
export function errnoError(
  action: string,
  code: number = errno(),
): NetsvcError & { errno: number } {
  const error = new NetsvcError("kernel", `Cannot ${action}: ${errnoWords(code)}`);
  return Object.assign(error, { errno: code });
}

/**
 * Opens a path for reading, close-on-exec; `undefined` on failure, with the reason in `errno`. Doesn't
 * block: a user could name a FIFO in place of a namespace, and the open would wait for its other end.
 */
export function tryOpenFd(path: string): number | undefined {
  const flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  const fd = libc().open(cString(path), flags, 0);
  return fd < 0 ? undefined : fd;
}

/** Opens a path for reading and returns its file descriptor, close-on-exec. */
export function openFd(path: string): number {
  const fd = tryOpenFd(path);
  if (fd === undefined) throw errnoError(`open "${path}"`);
  return fd;
}

/** Closes a descriptor of {@linkcode openFd}. */
export function closeFd(fd: number): void {
  libc().close(fd);
}

/** Closes a descriptor on another thread: the kernel blocks for some of them. */
export async function closeFdLater(fd: number): Promise<void> {
  await libc().close_later(fd);
}

const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC = 1 | O_CLOEXEC;
const SOCK_DGRAM_CLOEXEC = 2 | O_CLOEXEC;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

/**
 * Takes a name among the abstract sockets (unix(7)) of the thread's network namespace, which this
 * process holds until it closes the descriptor or ends, whatever ends it. `Deno.listen` refuses
 * such names to a program that runs with narrowed permissions.
 *
 * @throws {NetsvcError} `kernel`; its `errno` is {@linkcode EADDRINUSE} when another has the name
 */
export function bindAbstract(name: string): number {
  const { socket, bind } = libc();
  const fd = socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  if (fd < 0) throw errnoError("make a unix socket");
  const address = new Uint8Array([AF_UNIX, 0, 0, ...new TextEncoder().encode(name)]);
  if (bind(fd, address, address.length) === 0) return fd;
  const error = errnoError(`take the name "${name}"`);
  closeFd(fd);
  throw error;
}

/**
 * The process that listens at a unix socket (`SO_PEERCRED`, unix(7)); `undefined` when no process does, or
 * one outside this PID namespace.
 */
export function listenerPid(path: string): number | undefined {
  const { socket, connect, getsockopt } = libc();
  const fd = socket(AF_UNIX, SOCK_STREAM_CLOEXEC, 0);
  if (fd < 0) throw errnoError("make a unix socket");
  try {
    const address = new Uint8Array([AF_UNIX, 0, ...cString(path)]);
    if (connect(fd, address, address.length) !== 0) return undefined;
    const credentials = new Int32Array(3);
    const length = new Uint32Array([credentials.byteLength]);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) !== 0) return undefined;
    return credentials[0]! > 0 ? credentials[0] : undefined;
  } finally {
    closeFd(fd);
  }
}

/** One for all reads: they don't interleave, and a fresh one costs more than most files of `/proc`. */
let readBuffer: Uint8Array<ArrayBuffer> | undefined;

/** Reads a whole file as text, `/proc` and `/sys` included. */
export function readFileSync(path: string): string {
  return readAll(openFd(path), path);
}

/**
 * The same; `undefined` where there is no file, or none that can be read. An error with its stack would take ten times
 * as long, and a start looks for files of every container.
 */
export function readIfThere(path: string): string | undefined {
  const fd = tryOpenFd(path);
  if (fd === undefined) return undefined;
  try {
    return readAll(fd, path);
  } catch {
    return undefined;
  }
}

function readAll(fd: number, path: string): string {
  const { read } = libc();
  try {
    const decoder = new TextDecoder();
    const buffer = readBuffer ??= new Uint8Array(65536);
    let text = "";
    // For a read of /proc/sys the kernel clears as many bytes as are asked for, so that little is asked for first.
    for (let length = 4096;; length = buffer.length) {
      const n = Number(read(fd, buffer, BigInt(length)));
      if (n < 0) throw errnoError(`read "${path}"`);
      if (n === 0) return text + decoder.decode();
      text += decoder.decode(buffer.subarray(0, n), { stream: true });
    }
  } finally {
    closeFd(fd);
  }
}

/** Writes to an existing file in one `write(2)`, as `/proc/sys` wants it. */
export function writeFileSync(path: string, text: string): void {
  const { open, write } = libc();
  const fd = open(cString(path), O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0) throw explainReadOnly(errnoError(`open "${path}" for writing`), path);
  try {
    const bytes = new TextEncoder().encode(text);
    if (Number(write(fd, bytes, BigInt(bytes.length))) !== bytes.length) {
      throw errnoError(`write "${text}" to "${path}"`);
    }
  } finally {
    closeFd(fd);
  }
}

/** Adds the remedy where `/proc/sys` is read-only: in many containers, and under some units. */
function explainReadOnly(error: NetsvcError & { errno: number }, path: string): NetsvcError {
  if (error.errno !== EROFS || !path.startsWith("/proc/sys/")) return error;
  return new NetsvcError(
    "kernel",
    `${error.message}; give the daemon a writable /proc/sys: in systemd ProtectKernelTunables=no, in a ` +
      `container --privileged`,
    { cause: error },
  );
}
