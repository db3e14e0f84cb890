/**
 * Decides when a container whose process has ended is restarted, as Docker's `--restart` does. Pure.
 *
 * @module
 */
import type { OwnContainer, RestartRecord } from "../../../model/container.ts";
import { NetsvcError } from "../../../../lib/api/errors.ts";

/** Pause before the first restart, in milliseconds; each pause is twice the one before. */
const FIRST_MS = 100;
/** Longest pause between restarts, in milliseconds. */
const LONGEST_MS = 60_000;
/** A container that ran for this long begins with the first pause again, in milliseconds. */
const WELL_MS = 10_000;

/** Reads `no`, `always`, `unless-stopped` or `on-failure[:N]`. @throws {NetsvcError} `invalid` */
export function parseRestart(text: string): RestartRecord | undefined {
  if (text === "no" || text === "") return undefined;
  if (text === "always" || text === "unless-stopped") return { policy: text };
  const match = text.match(/^on-failure(?::(\d{1,6}))?$/);
  if (match) {
    const max = Number(match[1] ?? 0);
    return { policy: "on-failure", ...max > 0 && { max } };
  }
  throw new NetsvcError(
    "invalid",
    `Invalid restart policy ${
      JSON.stringify(text)
    }; use no, always, unless-stopped or on-failure[:N]`,
  );
}

/** A policy as users write it. */
export function restartText({ policy, max }: RestartRecord): string {
  return max === undefined ? policy : `${policy}:${max}`;
}

/**
 * Whether a container that has exited is to be started again.
 *
 * @param boot the daemon has just started: `always` restarts those, too, that a user stopped
 */
export function wantsRestart(record: OwnContainer, boot = false): boolean {
  const { restart, stopped, exitCode, restarts = 0, removing } = record;
  if (!restart || record.state !== "exited" || removing || !record.process) return false;
  if (restart.policy === "always") return boot || !stopped;
  if (stopped) return false;
  if (restart.policy === "unless-stopped") return true;
  // A container whose host lost power has no exit code.
  return exitCode !== 0 && (restart.max === undefined || restarts < restart.max);
}

/** How long a restart waits, in milliseconds. @param ran how long the process ran, in milliseconds */
export function restartPause(restarts: number, ran: number): number {
  return ran >= WELL_MS ? FIRST_MS : Math.min(FIRST_MS * 2 ** Math.min(restarts, 20), LONGEST_MS);
}
