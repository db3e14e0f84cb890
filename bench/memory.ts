/**
 * Memory of processes.
 *
 * @module
 */
import { readFileSync } from "../lib/linux/libc.ts";

/** Resident memory of a process, in MiB (proc_pid_status(5)). */
export function residentMiB(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/status`).match(/^VmRSS:\s+(\d+)/m)?.[1]) / 1024;
}
