/**
 * The form of the checks' findings. Pure.
 *
 * @module
 */
import type { Finding } from "../../lib/api/types.ts";

/** Makes the findings of one check. */
export interface Findings {
  ok(message: string): Finding;
  warning(message: string, remedy: string): Finding;
  problem(message: string, remedy: string): Finding;
  skipped(message: string): Finding;
}

/** The findings of a check with this name. */
export function findingsOf(check: string): Findings {
  return {
    ok: (message) => ({ check, status: "ok", message }),
    warning: (message, remedy) => ({ check, status: "warning", message, remedy }),
    problem: (message, remedy) => ({ check, status: "problem", message, remedy }),
    skipped: (message) => ({ check, status: "skipped", message }),
  };
}

/** `a`, `a and b`, `a, b and c`. */
export function enumerate(words: string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
