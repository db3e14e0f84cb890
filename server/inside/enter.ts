/**
 * Turns this process, which was started only for that, into one of a container's: with its mounts, its root, its
 * root's user, and without capabilities. Sources: setns(2), user_namespaces(7), capabilities(7).
 *
 * The kernel keeps mounts, root and capabilities per thread, so the other threads stay as they were: the thread
 * that calls this does everything that touches the container's files.
 *
 * @module
 */
import { closeFd, cString, errnoError, libc, openFd, readFileSync } from "../../lib/linux/libc.ts";
import { NetsvcError } from "../../lib/api/errors.ts";

const CLONE_FS = 0x200;
const CLONE_NEWNS = 0x20000;
const PR_SET_NO_NEW_PRIVS = 38;
/** `_LINUX_CAPABILITY_VERSION_3` (capget(2)). */
const CAPABILITY_VERSION = 0x20080522;

/** A process, by its pid and start time (proc_pid_stat(5)): pids are reused. */
export interface Target {
  pid: number;
  start: string;
}

/** Throws unless a call returned 0. */
function must(what: string, result: number): void {
  if (result !== 0) throw errnoError(what);
}

/**
 * The id outside a user namespace that is 0 inside, from the text of `uid_map` or `gid_map`; `own` where 0 isn't
 * mapped.
 */
export function rootOutside(map: string, own: number): number {
  for (const line of map.split("\n")) {
    const [inside, outside] = line.trim().split(/\s+/).map(Number);
    if (inside === 0 && outside !== undefined) return outside;
  }
  return own;
}

/** The host's ids of the root of a process's user namespace. */
function rootOf(directory: string): { uid: number; gid: number } {
  const status = readFileSync(`${directory}/status`);
  const own = (field: string) =>
    Number(status.match(new RegExp(`^${field}:\\s+(\\d+)`, "m"))?.[1] ?? 0xfffffffe);
  return {
    uid: rootOutside(readFileSync(`${directory}/uid_map`), own("Uid")),
    gid: rootOutside(readFileSync(`${directory}/gid_map`), own("Gid")),
  };
}

/** Drops every capability of this thread. */
export function dropCapabilities(): void {
  const header = new Uint32Array([CAPABILITY_VERSION, 0]);
  must(
    "give up capabilities",
    libc().capset(new Uint8Array(header.buffer), new Uint8Array(6 * 4)),
  );
}

/**
 * Enters a process's mounts and root, as its root's user.
 *
 * @throws {NetsvcError} `not_found` when it has ended; `kernel`
 */
export function enter({ pid, start }: Target): void {
  const { unshare, setns, fchdir, chroot, setgroups, setresgid, setresuid, prctl } = libc();
  // Paths below this descriptor stay the same process's, even when its pid is reused.
  const directory = openFd(`/proc/${pid}`);
  const at = `/proc/self/fd/${directory}`;
  const stat = readFileSync(`${at}/stat`);
  if (stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] !== start) {
    throw new NetsvcError("not_found", `Process ${pid} has ended`);
  }
  const { uid, gid } = rootOf(at);
  const mounts = openFd(`${at}/ns/mnt`);
  const root = openFd(`${at}/root`);
  must("leave the root that threads share", unshare(CLONE_FS));
  must("enter a container's mounts", setns(mounts, CLONE_NEWNS));
  must("go to a container's root", fchdir(root));
  must("enter a container's root", chroot(cString(".")));
  must("leave groups", setgroups(0n, null));
  must("become a container's group", setresgid(gid, gid, gid));
  must("become a container's user", setresuid(uid, uid, uid));
  dropCapabilities();
  must("gain no privileges", prctl(PR_SET_NO_NEW_PRIVS, 1n, 0n, 0n, 0n));
  for (const fd of [directory, mounts, root]) closeFd(fd);
}
