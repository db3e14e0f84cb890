/**
 * Checks the disk of the state directory: what can't be written there can't be changed.
 *
 * @module
 */
import { NEXT_PART } from "../../../cluster/etcd/room.ts";
import { freeBytes, megabytes } from "../../../../lib/linux/disk.ts";
import type { Finding } from "../../../../lib/api/types.ts";
import type { CheckContext } from "../../check.ts";
import { findingsOf } from "../../finding.ts";

const { warning, problem } = findingsOf("disk");
/** With less a change may be refused, in bytes. */
const FULL = 1024 * 1024;
/** With less it is said before it is too late, in bytes. */
const LOW = 32 * 1024 * 1024;

/** The findings about a disk. @param votes whether the cluster's etcd is on it Pure. */
export function judgeDisk(
  { directory, free, votes }: { directory: string; free: number; votes: boolean },
): Finding[] {
  const what = `The disk of "${directory}" has ${megabytes(free)} free`;
  if (free < FULL) {
    return [problem(
      `${what}: ${votes ? "the cluster's etcd on this host ends, and " : ""}nothing can be changed`,
      "Free space on it; the daemon goes on by itself",
    )];
  }
  if (free >= (votes ? NEXT_PART : LOW)) return [];
  return [warning(
    votes ? `${what}, and the cluster's etcd needs ${megabytes(NEXT_PART)} now and then` : what,
    "Free space on it before it is full",
  )];
}

export function checkDisk({ stateDir, cluster: { votes } }: CheckContext): Finding[] {
  const free = freeBytes(stateDir);
  return free === undefined ? [] : judgeDisk({ directory: stateDir, free, votes: votes() });
}
