/**
 * Processes of containers, by `/proc` and signals. Sources: proc_pid_stat(5),
 * proc_tid_children(5), pid_namespaces(7).
 *
 * @module
 */
import { errnoError, libc, readFileSync } from "../libc.ts";
import { NetsvcError } from "../../api/errors.ts";

const ESRCH = 3;

/** A process, told apart from a later one with the same id by its start and its boot. */
export interface ProcessIdentity {
  pid: number;
  /** `starttime` of proc_pid_stat(5), in clock ticks since boot. */
  start: string;
  /** `/proc/sys/kernel/random/boot_id`. */
  boot: string;
}

/** Signal numbers on Linux (signal(7)), x86 and ARM. */
export const SIGNALS: Record<string, number> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
};

/** The number of a signal given as `TERM`, `SIGTERM` or `15`. @throws {NetsvcError} `invalid` */
export function signalNumber(name: string): number {
  const upper = name.toUpperCase();
  const number = SIGNALS[upper] ?? SIGNALS[`SIG${upper}`] ??
    Object.values(SIGNALS).find((n) => String(n) === name);
  if (number !== undefined) return number;
  throw new NetsvcError("invalid", `Unknown signal ${JSON.stringify(name)}; use e.g. "SIGTERM"`);
}

let boot: string | undefined;
/** This boot's id. */
export function bootId(): string {
  return boot ??= readFileSync("/proc/sys/kernel/random/boot_id").trim();
}

/** Fields of `/proc/PID/stat` after the command, which may hold anything: `[0]` is the state. */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`);
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

/** The record of a living process. */
export function identify(pid: number): ProcessIdentity | undefined {
  const fields = statFields(pid);
  if (!fields || fields[0] === "Z" || fields[0] === "X") return undefined;
  return { pid, start: fields[19]!, boot: bootId() };
}

/** Whether the very process of the record still runs (a zombie doesn't). */
export function isRunning(record: ProcessIdentity): boolean {
  if (record.boot !== bootId()) return false;
  return identify(record.pid)?.start === record.start;
}

/** Parent of a process. */
export function parentOf(pid: number): number | undefined {
  const fields = statFields(pid);
  return fields && Number(fields[1]);
}

/** Children of a process's main thread, oldest first. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`).trim().split(" ").filter(Boolean)
      .map(Number);
  } catch {
    return [];
  }
}

/** The process `depth` first-child steps below `pid`, as far down as there is one. */
export function descend(pid: number, depth: number): number | undefined {
  let at = pid;
  for (let i = 0; i < depth; i++) {
    const [child] = childrenOf(at);
    if (child === undefined) return undefined;
    at = child;
  }
  return at;
}

/** Sends a signal; a process that is gone is no error. */
export function signal(pid: number, number: number): void {
  if (libc().kill(pid, number) === 0) return;
  const error = errnoError(`send signal ${number} to process ${pid}`);
  if (error.errno !== ESRCH) throw error;
}
