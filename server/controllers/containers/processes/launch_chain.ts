/**
 * The programs that run between the daemon and a user's command, and whether a process is still one of them.
 *
 * @module
 */
import { readFileSync } from "../../../../lib/linux/libc.ts";
import {
  descend,
  parentOf,
  type ProcessIdentity,
} from "../../../../lib/linux/processes/process_table.ts";

/** Programs of the launch chain: while one of them runs, the user's command has not started. */
const CHAIN = new Set([
  "sh",
  "nsenter",
  "unshare",
  "netsvc",
  "deno",
  "env",
  "script",
  "setsid",
  "mount",
  "umount",
  "stty",
  "", // It has just ended.
]);
/** What the words of the chain's processes hold (see `lib/api/launch.ts`), but of mount and umount. */
const LAUNCHING = /\0eval "\$NETSVC_|\0--inside\0(run|exec)\0|^\/usr\/bin\/env\0--\0/;
const MOUNTING = new Set(["mount", "umount"]);

/** A file of a process; empty when the process has ended. */
function readOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`);
  } catch {
    return "";
  }
}

/** Whether a process is the user's command, by its arguments, and not the launch chain, by its name. */
export function isCommand(pid: number, command: string[]): boolean {
  return readOf(pid, "cmdline") === `${command.join("\0")}\0` ||
    !CHAIN.has(readOf(pid, "comm").trim());
}

/** Whether a process is still of the launch chain: the user's command may be a shell, too. */
export function isLaunching(pid: number, command: string[]): boolean {
  const words = readOf(pid, "cmdline");
  if (words === `${command.join("\0")}\0`) return false;
  return LAUNCHING.test(words) || MOUNTING.has(readOf(pid, "comm").trim());
}

/** How many PID namespaces deep a process is; 0 when it has ended. */
function depthOf(pid: number): number {
  const status = readOf(pid, "status");
  if (status === "") return 0;
  return status.match(/^NSpid:\s+(.*)$/m)?.[1]?.split(/\s+/).length ?? 1;
}

/** Whether a process shares a PID namespace with a container or descends from its launch. */
export function isInside(
  pid: number,
  { id, running }: { id: string; running: ProcessIdentity | undefined },
): boolean {
  // It is in a PID namespace below the daemon's, a container's; or the launch that made it names ours.
  if (depthOf(pid) <= depthOf(Deno.pid)) return false;
  for (let at: number | undefined = pid; at !== undefined && at > 1; at = parentOf(at)) {
    if (running && at === running.pid) return true;
    const words = readOf(at, "cmdline");
    if (words.includes(id)) return true;
    if (running && words.includes(`--target=${descend(running.pid, 2)}`)) return true;
  }
  return false;
}
