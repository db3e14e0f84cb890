/**
 * Memory of processes.
 *
 * @module
 */
import { readFileSync } from "../lib/linux/libc.ts";

/** A daemon's round of upkeep, which gives back what is free, comes within this time, in milliseconds. */
const ROUND_MS = 31_000;

/** Resident memory of a process, in MiB (proc_pid_status(5)). */
export interface Memory {
  /** All of it. */
  all: number;
  /** Its own: what it has written. */
  own: number;
  /** Pages of its executable and libraries that it has used so far, which the kernel may drop at any time. */
  files: number;
}

/** Memory of a process now. */
export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/status`);
  const of = (name: string) => Number(text.match(RegExp(`^${name}:\\s+(\\d+)`, "m"))?.[1]) / 1024;
  return { all: of("VmRSS"), own: of("RssAnon"), files: of("RssFile") };
}

/** Resident memory of a process, in MiB. */
export function residentMiB(pid: number): number {
  return memoryOf(pid).all;
}

/** Memory of a daemon half a minute after its last change: what it keeps. */
export async function settledMemory(pid: number): Promise<Memory> {
  await new Promise((resolve) => setTimeout(resolve, ROUND_MS));
  return memoryOf(pid);
}
