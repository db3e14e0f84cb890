/**
 * Waits for the end of a container's process, and reads its output.
 *
 * @module
 */
import { NetsvcError } from "../../../../lib/api/errors.ts";
import type { WaitResult } from "../../../../lib/api/types.ts";
import { ifOwn, type OwnContainer } from "../../../model/container.ts";
import type { State } from "../../../model/state.ts";
import type { ContainerLogs } from "../../../sandbox/logs/container_logs.ts";
import type { LogOptions } from "../../../sandbox/logs/log_file.ts";
import type { Sandboxes } from "../../../sandbox/sandboxes.ts";
import { containerLabel } from "../../labels.ts";
import { wantsRestart } from "../restart/restart_policy.ts";
import { holds } from "./stop.ts";

/** Longest that one wait stays open, in milliseconds; the client asks again. */
const WAIT_MS = 25_000;

/**
 * Waits until a container's process has ended, or 25 s.
 *
 * @throws {NetsvcError} `invalid` when the container has no process
 */
export async function waitFor(
  { state, sandboxes }: { state: State; sandboxes: Pick<Sandboxes, "processes"> },
  container: OwnContainer,
): Promise<WaitResult> {
  const { id } = container;
  if (!container.process && container.state === "created") {
    throw new NetsvcError(
      "invalid",
      `The container "${containerLabel(container)}" was made without a command`,
    );
  }
  let { exitCode } = container;
  const isDone = () => {
    const current = state.containers.get(id)?.record;
    exitCode = ifOwn(current)?.exitCode ?? exitCode ?? sandboxes.processes.exitCode(id);
    return current === undefined || current.state === "exited";
  };
  const done = await holds(state, { condition: isDone, ms: WAIT_MS });
  return { done, ...exitCode !== undefined && { exitCode } };
}

/**
 * Output of a detached container, as far as it is kept; with `follow` until the container has ended and all
 * output is sent, or until `signal`.
 *
 * @throws {NetsvcError} `invalid` when the container's output isn't kept
 */
export function logOf(
  { state, logs, container }: { state: State; logs: ContainerLogs; container: OwnContainer },
  { follow, ...options }: Omit<LogOptions, "until"> & { follow: boolean },
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { id } = container;
  if (!logs.has(id)) checkKept(container);
  const until = () => {
    const current = ifOwn(state.containers.get(id)?.record);
    // A container that its policy restarts will write more.
    return current === undefined || (current.state === "exited" && !wantsRestart(current));
  };
  return ReadableStream.from(logs.read(id, { ...options, ...follow && { until } }));
}

function checkKept(container: OwnContainer): void {
  const label = containerLabel(container);
  if (!container.process) {
    throw new NetsvcError(
      "invalid",
      `The container "${label}" has no output: it was made without a command`,
    );
  }
  if (container.state === "created") return;
  throw new NetsvcError(
    "invalid",
    `The output of container "${label}" isn't kept: it was run in the foreground, without -d`,
  );
}
