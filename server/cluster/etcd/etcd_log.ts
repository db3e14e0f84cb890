/**
 * What etcd's log says, in a line. Pure.
 *
 * @module
 */

/** Longest reason, in characters. */
const LONGEST = 300;
/** So many lines have the last words among them: a stack comes after them. */
export const LAST_WORDS = 200;
/** What the runtime says when a program ends itself: no line of the log's own form. */
const ENDING = /^(panic|fatal error): /;
const SEVERE = new Set(["fatal", "panic", "dpanic", "error"]);

/** Why it ended: the last severe line of its log, else the last one. */
export function lastReason(lines: string[]): string {
  const last = lines.findLast((line) => ENDING.test(line)) ??
    lines.findLast((line) => SEVERE.has(levelOf(line))) ?? lines.at(-1);
  if (last === undefined) return "it said nothing";
  const { msg, error } = parsed(last);
  const text = msg === undefined ? last : [msg, error].filter(Boolean).join(": ");
  return text.replaceAll(/\p{Cc}+/gu, " ").slice(0, LONGEST);
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
