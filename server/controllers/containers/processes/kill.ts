/**
 * Kills all processes of a container.
 *
 * @module
 */
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { deadline } from "../../../../lib/async/deadline.ts";
import {
  descend,
  type ProcessIdentity,
  signal,
  SIGNALS,
} from "../../../../lib/linux/processes/process_table.ts";
import type { ExitWatch } from "../../../sandbox/exit_watch.ts";

/** How long a killed process may take to end, in milliseconds. */
const KILL_DEADLINE_MS = 10_000;

/** Kills the init of a container, and with it all of its PID namespace. @throws {NetsvcError} `timeout` */
export async function killAll(
  exits: Pick<ExitWatch, "watch">,
  running: ProcessIdentity,
): Promise<void> {
  const gone = new Promise<void>((resolve) => exits.watch(running, resolve));
  const init = descend(running.pid, 1);
  if (init !== undefined) signal(init, SIGNALS.SIGKILL!);
  signal(running.pid, SIGNALS.SIGKILL!);
  const why = `The process ${running.pid} doesn't end after SIGKILL`;
  await deadline(gone, KILL_DEADLINE_MS, { error: () => new NetsvcError("timeout", why) });
}
