/**
 * The last step of a launch into a root of its own: this process becomes the command.
 *
 * @module
 */
import { cString, errno, errnoError, libc } from "../../lib/linux/libc.ts";
import { execute } from "../../lib/linux/processes/execute.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import type { InsideTask } from "../../lib/api/launch.ts";

/** Exit status of a command that can't be executed, as in shells. */
const NOT_EXECUTABLE = 126;
/** Exit status of a command that doesn't exist, as in shells. */
const NOT_FOUND = 127;
const ENOENT = 2;
const ENOTDIR = 20;
const EACCES = 13;
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

/** Replaces this process with the command. Doesn't return. @throws {NetsvcError} with the exit status to use */
export function become({ command, env }: Pick<InsideTask, "command" | "env">): never {
  const [name = ""] = command;
  const paths = name.includes("/")
    ? [name]
    : (env["PATH"] ?? "").split(":").map((directory) => `${directory || "."}/${name}`);
  // As in execvp(3): the program may be executable in a later directory of PATH.
  const tried: number[] = [];
  execute(name === "" ? [] : paths, {
    argv: command,
    env,
    isFinal: (code) => {
      if (code !== ENOENT && code !== ENOTDIR) tried.push(code);
      return ![ENOENT, ENOTDIR, EACCES].includes(code);
    },
  });
  const failure = tried.at(-1) ?? ENOENT;
  const why = errnoError("", failure).message.replace(/^[^:]*: /, "");
  throw cannot(
    `failed to execute ${name}: ${why}`,
    failure === ENOENT ? NOT_FOUND : NOT_EXECUTABLE,
  );
}
