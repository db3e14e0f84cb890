/**
 * Error answers, as the errors that the daemon meant.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import type { Problem } from "../../lib/api/types.ts";

/** Answers of earlier daemons, whose API had no prefix, to this client. */
const BEFORE_THE_PREFIX = /^No such route: [A-Z]+ \/netsvc\/v1\/[^;]*$/;

/** The error of an error answer. */
export async function problemOf(response: Response): Promise<NetsvcError> {
  const text = await response.text();
  try {
    const problem = JSON.parse(text) as Problem & { exitCode?: number };
    if (BEFORE_THE_PREFIX.test(problem.detail)) {
      return new NetsvcError(
        "unsupported",
        "The daemon is older than this command; restart it with the new executable",
        { cause: new Error(problem.detail) },
      );
    }
    const [first, ...rest] = (problem.causes ?? []).toReversed();
    const cause = first === undefined
      ? undefined
      : rest.reduce((inner, message) => new Error(message, { cause: inner }), new Error(first));
    return new NetsvcError(problem.code, problem.detail, {
      cause,
      ...problem.exitCode !== undefined && { exitCode: problem.exitCode },
    });
  } catch {
    return new NetsvcError(
      "internal",
      `The daemon answered ${response.status}: ${text.slice(0, 200)}; is it netsvc's?`,
    );
  }
}
