/**
 * Stops containers' processes, gently first.
 *
 * @module
 */
import { NetsvcError } from "../../../../lib/api/errors.ts";
import type { StopContainer } from "../../../../lib/api/types.ts";
import { atMost } from "../../../../lib/async/deadline.ts";
import { sleep } from "../../../../lib/async/sleep.ts";
import { signalNumber } from "../../../../lib/linux/processes/process_table.ts";
import type { OwnContainer } from "../../../model/container.ts";
import type { State } from "../../../model/state.ts";
import { containerLabel } from "../../labels.ts";
import type { Reaper } from "../reap.ts";
import type { Signals } from "./signals.ts";

const POLL_MS = 10;
/** Default time that a stop waits before it kills, in seconds. */
const STOP_S = 10;

/** What {@linkcode stop} works with. */
export interface StopParts {
  state: State;
  signals: Signals;
  reaper: Reaper;
}

/**
 * Ends a container's process for good, whatever its restart policy; does nothing to one that has ended.
 *
 * @throws {NetsvcError} `invalid` when it was made without a command
 */
export async function stop(
  { state, signals, reaper }: StopParts,
  container: OwnContainer,
  request: StopContainer = {},
): Promise<void> {
  const { id } = container;
  const number = signalNumber(request.signal ?? container.stopSignal ?? "SIGTERM");
  if (!container.process) {
    throw new NetsvcError(
      "invalid",
      `The container "${containerLabel(container)}" was made without a command`,
    );
  }
  await signals.markStopped(id);
  const ms = 1000 * (request.timeout ?? container.stopTimeout ?? STOP_S);
  const end = performance.now() + ms;
  const isOver = () => state.containers.get(id)?.record.state !== "running";
  if (ms > 0) {
    // The command may not have started yet.
    while (!isOver() && performance.now() < end && !trySend(signals, container, number)) {
      await sleep(POLL_MS);
    }
    await holds(state, { condition: isOver, ms: end - performance.now() });
  }
  if (!isOver()) await reaper.end(id);
}

function trySend(signals: Signals, container: OwnContainer, number: number): boolean {
  try {
    signals.send(container, number);
    return true;
  } catch {
    return false; // No command runs that could get it.
  }
}

/** Waits until a condition on the state holds, or so many milliseconds; returns whether it does. */
export async function holds(
  state: State,
  { condition, ms }: { condition: () => boolean; ms: number },
): Promise<boolean> {
  if (condition() || ms <= 0) return condition();
  const { promise, resolve } = Promise.withResolvers<void>();
  const unsubscribe = state.subscribe(() => condition() && resolve());
  await atMost(promise, ms);
  unsubscribe();
  return condition();
}
