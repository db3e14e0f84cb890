/**
 * Finds a container's first process before it executes the container's program: while the runtime prepares
 * it (170 to 400 ms, measured), the process waits in the container's own namespaces. An attachment in that
 * time precedes the program's first instruction. Sources: proc_loadavg(5), pid_namespaces(7), cgroups(7),
 * runc's `nsexec.c`.
 *
 * @module
 */
import { sleep } from "../../lib/async/sleep.ts";
import { readFileSync } from "../../lib/linux/libc.ts";

/** Interval between looks at new processes, in milliseconds. */
const PERIOD_MS = 3;
/** Limit of new processes examined at each look; of more, only the newest are. */
const MAX_NEW = 4096;

function read(path: string): string | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined; // The process has ended.
  }
}

/** The process id that the kernel assigned last. */
function lastPid(): number {
  return Number(readFileSync("/proc/loadavg").trim().split(" ")[4]);
}

/** Process ids assigned after `before` up to `last`; they wrap around at `pid_max`. */
function* given(before: number, last: number): Generator<number> {
  const largest = Number(readFileSync("/proc/sys/kernel/pid_max"));
  const count = Math.min((last - before + largest) % largest, MAX_NEW);
  for (let i = count - 1; i >= 0; i--) yield (last - i + largest) % largest;
}

/** The awaited container whose first process this is: process 1 of a PID namespace below this one. */
function firstOf(pid: number): string | undefined {
  const ids = read(`/proc/${pid}/status`)?.match(/^NSpid:\s+(.+)$/m)?.[1]?.split(/\s+/) ?? [];
  if (ids.length < 2 || ids.at(-1) !== "1") return undefined;
  // The cgroup's path contains the container's id with every cgroup manager.
  return read(`/proc/${pid}/cgroup`)?.match(/[0-9a-f]{64}/g)?.find((id) => waiting.has(id));
}

/** Callbacks of the callers that wait, by container: one look serves all of them. */
const waiting = new Map<string, Set<(pid: number) => void>>();
let looking = false;

async function look(): Promise<void> {
  looking = true;
  try {
    for (let before = lastPid(); waiting.size > 0;) {
      await sleep(PERIOD_MS);
      const last = lastPid();
      for (const pid of given(before, last)) {
        const id = firstOf(pid);
        if (id !== undefined) { for (const found of [...waiting.get(id)!]) found(pid); }
      }
      before = last;
    }
  } finally {
    looking = false;
  }
}

/**
 * Waits for the first process of a container that is being started. A container without a PID namespace
 * of its own isn't found.
 *
 * @param id of the container
 * @returns its process id; `undefined` when the signal aborts first
 */
export function firstProcess(id: string, signal: AbortSignal): Promise<number | undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const listeners = waiting.get(id) ?? new Set();
  const found = (pid?: number) => {
    signal.removeEventListener("abort", ended);
    listeners.delete(found);
    if (listeners.size === 0 && waiting.get(id) === listeners) waiting.delete(id);
    resolve(pid);
  };
  const ended = () => found();
  signal.addEventListener("abort", ended, { once: true });
  waiting.set(id, listeners.add(found));
  if (!looking) look();
  return promise;
}
