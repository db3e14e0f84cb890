/**
 * For how long a daemon's event loop does nothing else, measured in the daemon itself: it runs from the sources, with
 * `watched.ts` around it.
 *
 * @module
 */
import { V8_FLAGS } from "../../.ci/v8_flags.ts";
import type { HostOptions, TestHost } from "../../tests/harness/host.ts";
import { until } from "../../tests/harness/command.ts";

/** One turn of the event loop, with the timer that notes it. */
export interface Turn {
  ms: number;
  /** What the thread itself computed of it, in milliseconds: the rest are other programs, or a wait for the kernel. */
  processor: number;
  /** When it began, in milliseconds since the daemon's start: as V8's `--trace-gc` counts. */
  at: number;
}

/** Options of a host whose daemon is watched. @param file where it writes what it saw */
export function watched(file: string): HostOptions {
  const program = new URL("watched.ts", import.meta.url).pathname;
  return {
    program: [Deno.execPath(), "run", "-A", "--no-check", V8_FLAGS, program],
    env: { NETSVC_WATCH: file },
  };
}

/** The turns of two milliseconds and more while an action ran. @param file the same as for {@linkcode watched} */
export async function turnsDuring(
  host: TestHost,
  file: string,
  action: () => Promise<unknown>,
): Promise<Turn[]> {
  Deno.kill(host.pid, "SIGUSR1");
  await action();
  Deno.kill(host.pid, "SIGUSR2");
  let text = "";
  await until("the daemon tells its turns", async () => {
    text = await Deno.readTextFile(file).catch(() => "");
    return text !== "";
  });
  await Deno.remove(file);
  return JSON.parse(text);
}
