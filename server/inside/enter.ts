/**
 * Turns this process, which is started for it and does nothing else, into one of a container's: its
 * mounts, its root, its root's user, and no capability. Sources: setns(2), user_namespaces(7),
 * capabilities(7).
 *
 * Its threads stay what they were where the kernel counts by thread (mounts, root, capabilities): all
 * that touches the container's files is done by the one that calls this.
 *
 * @module
 */
import { closeFd, cString, errnoError, libc, openFd, readFileSync } from "../../lib/linux/libc.ts";
import { NetsvcError } from "../../lib/api/errors.ts";

const CLONE_FS = 0x200, CLONE_NEWNS = 0x20000;
const PR_SET_NO_NEW_PRIVS = 38;
/** `_LINUX_CAPABILITY_VERSION_3` (capget(2)). */
const CAPABILITY_VERSION = 0x20080522;

/** A process, by number and the time it began (proc_pid_stat(5)): numbers are given again. */
export interface Target {
  pid: number;
  start: string;
}

/** Fails unless a call has returned 0. */
function must(what: string, result: number): void {
  if (result !== 0) throw errnoError(what);
}

/** The id outside of what is 0 inside, in the text of `uid_map` or `gid_map`; its own where there is none. */
export function rootOutside(map: string, own: number): number {
  for (const line of map.split("\n")) {
    const [inside, outside] = line.trim().split(/\s+/).map(Number);
    if (inside === 0 && outside !== undefined) return outside;
  }
  return own;
}

/** Who the root of a process's user namespace is on this host. */
function rootOf(directory: string): { uid: number; gid: number } {
  const status = readFileSync(`${directory}/status`);
  const own = (field: string) =>
    Number(status.match(new RegExp(`^${field}:\\s+(\\d+)`, "m"))?.[1] ?? 0xfffffffe);
  return {
    uid: rootOutside(readFileSync(`${directory}/uid_map`), own("Uid")),
    gid: rootOutside(readFileSync(`${directory}/gid_map`), own("Gid")),
  };
}

/** Gives up every capability of this thread. */
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
  // What is opened by this stays the process's, even when its pid is another's.
  const directory = openFd(`/proc/${pid}`);
  const at = `/proc/self/fd/${directory}`;
  const stat = readFileSync(`${at}/stat`);
  if (stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] !== start) {
    throw new NetsvcError("not_found", `Process ${pid} has ended`);
  }
  const { uid, gid } = rootOf(at);
  const mounts = openFd(`${at}/ns/mnt`), root = openFd(`${at}/root`);
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
