/**
 * Stops a process for a moment, so that it resumes only when something is ready for it: ptrace(2). If the
 * holder ends, by SIGKILL too, the kernel resumes the process, unlike after SIGSTOP or with the freezer of
 * control groups.
 *
 * @module
 */
import { sleep } from "../../async/sleep.ts";
import { libc } from "../libc.ts";

const PTRACE_DETACH = 17n;
const PTRACE_SEIZE = 0x4206n;
const PTRACE_INTERRUPT = 0x4207n;
const WNOHANG = 1;
const WALL = 0x40000000;
/** Time between two checks whether the process has stopped, in milliseconds. */
const PAUSE_MS = 2;
/** Checks before the wait for the stop ends. */
const TRIES = 500;

/** Resumes the process; harmless twice, and when it has ended. */
export type Release = () => Promise<void>;

const nothing: Release = () => Promise.resolve();

/**
 * Holds a process. Where that can't be (it has ended, another process traces it, the kernel forbids it)
 * it runs on unheld.
 *
 * @param pid of its main thread; others that it has run on
 * @param ms longest time that it is held, in milliseconds, whatever its holder does
 */
export function holdProcess(pid: number, ms: number): Release {
  const { ptrace } = libc();
  const request = (what: bigint, data = 0n) => Number(ptrace(what, pid, 0n, data));
  if (request(PTRACE_SEIZE) !== 0) return nothing;
  request(PTRACE_INTERRUPT);
  let released: Promise<void> | undefined;
  const release = () => {
    clearTimeout(timer);
    return released ??= detach(pid, (signal) => request(PTRACE_DETACH, BigInt(signal)) === 0);
  };
  const timer = setTimeout(release, ms);
  return release;
}

/** Waits for the stop, then detaches with the pending signal, if any: ptrace(2) detaches stopped processes only. */
async function detach(pid: number, letGo: (signal: number) => boolean): Promise<void> {
  const status = new Int32Array(1);
  let signal = 0;
  for (let i = 0; i < TRIES; i++) {
    const found = libc().waitpid(pid, status, WNOHANG | WALL);
    const word = status[0]!;
    if (found === pid) {
      // It has ended: after this waitpid its own parent is notified.
      if ((word & 0xff) !== 0x7f) return;
      // Stopped by what was asked for, or by a signal that is still to be delivered.
      signal = word >> 16 === 0 ? (word >> 8) & 0xff : 0;
    } else if (found < 0) return;
    if (letGo(signal)) return;
    await sleep(PAUSE_MS);
  }
}
