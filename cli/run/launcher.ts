/**
 * Runs what the daemon planned, on this machine, with this program's own standard streams: nothing
 * stands between the user and the process, and the daemon may be restarted meanwhile.
 *
 * @module
 */
import { sleep } from "../../lib/async/sleep.ts";
import { startChild } from "../../lib/linux/processes/child.ts";
import { buildLaunch } from "../../lib/api/launch.ts";
import { ownWords } from "../../lib/linux/processes/self.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import type { LaunchSpec } from "../../lib/api/types.ts";

/** Signals that are passed on. */
const PASSED: Deno.Signal[] = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGTERM",
  "SIGUSR1",
  "SIGUSR2",
  "SIGCONT",
  "SIGWINCH",
  "SIGALRM",
];
/** Of those, the ones that a terminal sends to the process by itself. */
const FROM_TERMINAL = new Set<Deno.Signal>(["SIGINT", "SIGQUIT", "SIGWINCH"]);
/** A signal that comes before the command runs is tried again for this long, in milliseconds. */
const RETRY_MS = 3000;
const RETRY_EVERY_MS = 50;

/** Callbacks of the launcher. */
export interface LaunchHooks {
  interactive: boolean;
  /** The process runs. */
  started: (pid: number) => Promise<void>;
  /** A signal is to be passed on; rejects while no process can receive it. */
  signal: (name: string, pid: number, depth: number) => Promise<void>;
}

function exitStatus(status: Deno.CommandStatus): number {
  return status.code;
}

/**
 * Gets a plan and runs it. Signals that arrive before the process runs are kept for it: the daemon's
 * preparations are never left behind.
 *
 * @returns the exit status
 */
export async function launch(
  prepare: () => Promise<LaunchSpec>,
  hooks: LaunchHooks,
): Promise<number> {
  const terminal = Deno.stdin.isTerminal();
  let child: Deno.ChildProcess | undefined;
  const early: Deno.Signal[] = [];
  const listeners = PASSED.map((signal): [Deno.Signal, () => void] => [signal, () => {
    if (terminal && FROM_TERMINAL.has(signal)) return;
    if (child) pass(child, signal);
    else early.push(signal);
  }]);
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  let ended = false;
  let depth = 0;
  const pass = async (to: Deno.ChildProcess, signal: Deno.Signal) => {
    const deadline = Date.now() + RETRY_MS;
    while (!ended && Date.now() < deadline) {
      try {
        return await hooks.signal(signal, to.pid, depth);
      } catch {
        await sleep(RETRY_EVERY_MS);
      }
    }
  };
  try {
    const { argv, env, signalDepth } = buildLaunch(await prepare(), ownWords());
    depth = signalDepth;
    const [program, ...args] = argv as [string, ...string[]];
    child = spawn(program, args, env, hooks.interactive);
    for (const signal of early) pass(child, signal);
    const status = child.status;
    try {
      await hooks.started(child.pid);
    } catch (error) {
      child.kill("SIGKILL");
      await status;
      throw error;
    }
    return exitStatus(await status);
  } finally {
    ended = true;
    for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
  }
}

function spawn(
  program: string,
  args: string[],
  env: Record<string, string>,
  interactive: boolean,
): Deno.ChildProcess {
  try {
    return startChild(program, {
      args,
      env,
      stdin: interactive ? "inherit" : "null",
      stdout: "inherit",
      stderr: "inherit",
    });
  } catch (error) {
    throw new NetsvcError("unsupported", `Cannot start "${program}" on this machine`, {
      cause: error,
      exitCode: 125,
    });
  }
}
