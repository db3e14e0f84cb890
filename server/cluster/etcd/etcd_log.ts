/**
 * What etcd's log says, in a line. Pure.
 *
 * @module
 */

import type { End } from "../../../lib/linux/processes/reap.ts";

/** Longest reason, in characters. */
const LONGEST = 300;
/** So many lines have the last words among them: a stack comes after them. */
export const LAST_WORDS = 200;
/** What the runtime says when a program ends itself: no line of the log's own form. */
const ENDING = /^(panic|fatal error): /;
const FINAL = new Set(["fatal", "panic", "dpanic"]);

/** Why it ended: the last line that says so, else the last error, else the last one. */
export function lastReason(lines: string[]): string {
  const last = lines.findLast((line) => ENDING.test(line)) ??
    lines.findLast((line) => FINAL.has(levelOf(line))) ??
    lines.findLast((line) => levelOf(line) === "error") ?? lines.at(-1);
  if (last === undefined) return "it said nothing";
  const { msg, error } = parsed(last);
  const text = msg === undefined ? last : [msg, error].filter(Boolean).join(": ");
  return text.replaceAll(/\p{Cc}+/gu, " ").slice(0, LONGEST);
}

/**
 * How it ended, and why as far as that is known.
 *
 * @param end `undefined` for one that an earlier daemon had started
 * @param lines what it said since it was started
 */
export function describeEnd(end: End | undefined, lines: string[]): string {
  if (end?.signal === "SIGKILL") {
    return "it was killed (SIGKILL), by somebody or by the kernel for want of memory (dmesg says which)";
  }
  if (end?.signal) return `somebody ended it (${end.signal})`;
  if (end?.code === 0) return "it ended by itself, with exit status 0";
  if (end) return `exit status ${end.code}: ${lastReason(lines)}`;
  // Others' errors, too, are on the level of errors: only these are followed by an end.
  const last = lines.some((line) => ENDING.test(line) || FINAL.has(levelOf(line)));
  return last
    ? lastReason(lines)
    : "how isn't known, since an earlier daemon had started it, and it gave no reason; was it killed?";
}

/** Whether it ended since it is no member any more. */
export function wasRemoved(lines: string[]): boolean {
  return lines.some((line) =>
    /the member has been permanently removed|server has been permanently removed|member has been removed from the cluster/
      .test(line)
  );
}

function levelOf(line: string): string {
  return String(parsed(line).level ?? "");
}

function parsed(line: string): { level?: string; msg?: string; error?: string } {
  try {
    const value = JSON.parse(line);
    if (typeof value !== "object" || value === null) return {};
    const text = (one: unknown) => typeof one === "string" ? one : undefined;
    const [level, msg, error] = [text(value.level), text(value.msg), text(value.error)];
    return {
      ...level !== undefined && { level },
      ...msg !== undefined && { msg },
      ...error !== undefined && { error },
    };
  } catch {
    return {};
  }
}
