/**
 * The last step of a launch into a root of its own: this process becomes the command.
 *
 * @module
 */
import { cString, errno, errnoError, libc } from "../../lib/linux/libc.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import type { InsideTask } from "../../lib/api/launch.ts";

/** Exit status of a command that can't be executed, as in shells. */
const NOT_EXECUTABLE = 126;
/** Exit status of a command that doesn't exist, as in shells. */
const NOT_FOUND = 127;
const ENOENT = 2;
const ENOTDIR = 20;
const EACCES = 13;
const ENOEXEC = 8;
const SYS_CLOSE_RANGE = 436n;
const CLOSE_RANGE_CLOEXEC = 4n;
const SIGPIPE = 13;
const SIG_DFL = 0n;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_SET_DUMPABLE = 4;
/** `_LINUX_CAPABILITY_VERSION_3` (capget(2)). */
const CAPABILITY_VERSION = 0x20080522;
/** The highest number that a capability can have. */
const LAST_CAPABILITY = 63;

/**
 * The capabilities of Docker's containers (capabilities(7)): CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID,
 * SETUID, SETPCAP, NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, MKNOD, AUDIT_WRITE, SETFCAP. Devices made with MKNOD
 * can't be opened: all file systems of such a container are mounted `nodev`.
 */
const DOCKERS = [0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31];

/** The error for a command that can't be run, with its exit status. */
function cannot(message: string, exitCode: number): NetsvcError {
  return new NetsvcError("invalid", message, { exitCode });
}

/** Changes to the command's working directory. */
export function workIn(path: string): void {
  if (libc().chdir(cString(path)) === 0) return;
  const code = errno();
  throw cannot(
    code === ENOENT || code === ENOTDIR
      ? `Cannot work in ${JSON.stringify(path)}: there is no such directory`
      : errnoError(`work in ${JSON.stringify(path)}`, code).message,
    NOT_EXECUTABLE,
  );
}

/** Drops all capabilities but those of Docker's containers, permanently. */
export function confine(): void {
  const { prctl, capset } = libc();
  // Without this, processes already in the container could look into this one from now on.
  prctl(PR_SET_DUMPABLE, 0n, 0n, 0n, 0n);
  for (let capability = 0; capability <= LAST_CAPABILITY; capability++) {
    if (!DOCKERS.includes(capability)) prctl(PR_CAPBSET_DROP, BigInt(capability), 0n, 0n, 0n);
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1n, 0n, 0n, 0n) !== 0) throw errnoError("gain no privileges");
  const mask = DOCKERS.reduce((bits, capability) => bits | 1n << BigInt(capability), 0n);
  const low = Number(mask & 0xffffffffn), high = Number(mask >> 32n);
  const header = new Uint32Array([CAPABILITY_VERSION, 0]);
  // Effective, permitted, inheritable: the lower 32 bits of each, then the upper ones.
  const sets = new Uint32Array([low, low, 0, high, high, 0]);
  if (capset(new Uint8Array(header.buffer), new Uint8Array(sets.buffer)) !== 0) {
    throw errnoError("give up capabilities");
  }
}

/** An array of pointers to strings, with a null at the end. */
function pointers(words: string[]): { array: BigUint64Array<ArrayBuffer>; kept: Uint8Array[] } {
  const kept = words.map(cString);
  const array = new BigUint64Array(kept.length + 1);
  kept.forEach((bytes, i) =>
    array[i] = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)))
  );
  return { array, kept };
}

/** Replaces this process with the command. Doesn't return. @throws {NetsvcError} with the exit status to use */
export function become({ command, env }: Pick<InsideTask, "command" | "env">): never {
  const { execve, signal, syscall5 } = libc();
  const [name = "", ...args] = command;
  const argv = pointers([name, ...args]);
  const envp = pointers(Object.entries(env).map(([key, value]) => `${key}=${value}`));
  signal(SIGPIPE, SIG_DFL); // This program's runtime ignores SIGPIPE.
  // Closes on exec any descriptor that the client's or the daemon's parent left open: a directory of the host's
  // would let the command leave its root.
  syscall5(SYS_CLOSE_RANGE, 3n, 0xffffffffn, CLOSE_RANGE_CLOEXEC, 0n, 0n);
  const paths = name.includes("/")
    ? [name]
    : (env["PATH"] ?? "").split(":").map((directory) => `${directory || "."}/${name}`);
  let failure = ENOENT;
  for (const path of name === "" ? [] : paths) {
    execve(cString(path), new Uint8Array(argv.array.buffer), new Uint8Array(envp.array.buffer));
    const code = errno();
    if (code === ENOENT || code === ENOTDIR) continue;
    // As in execvp(3): the program may be executable in a later directory of PATH.
    failure = code;
    if (code === ENOEXEC) break;
    if (code !== EACCES) break;
  }
  const why = errnoError("", failure).message.replace(/^[^:]*: /, "");
  throw cannot(
    `failed to execute ${name}: ${why}`,
    failure === ENOENT ? NOT_FOUND : NOT_EXECUTABLE,
  );
}
