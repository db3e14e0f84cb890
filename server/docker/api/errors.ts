/**
 * Errors as Docker's clients read them: `{"message"}`. With any other content type than plainly
 * `application/json` they print the JSON itself.
 *
 * @module
 */
import { type ErrorCode, toNetsvcError } from "../../../lib/api/errors.ts";
import { errorChain } from "../../../lib/api/errors.ts";

/** Where Docker's status differs: what is in use is forbidden to be removed. */
const STATUS: Partial<Record<ErrorCode, number>> = { in_use: 403 };

/** The answer to a failed request. */
export function dockerErrorResponse(error: unknown): Response {
  const failure = toNetsvcError(error);
  // What a tool was given is for the log.
  const words = errorChain(failure).filter((text) => !text.includes(" was given: "));
  return dockerMessage(STATUS[failure.code] ?? failure.status, words.join(": "));
}

/** An error as Docker's clients and netsvc's own read it: the sender may be either. */
export function errorForBoth(error: unknown): Response {
  const { code, status, message, exitCode } = toNetsvcError(error);
  const title = code.replaceAll("_", " ");
  const both = { message, type: "about:blank", title, status, detail: message, code, exitCode };
  return new Response(JSON.stringify(both), {
    status,
    headers: { "content-type": "application/json" },
  });
}

/** An error of a status. */
export function dockerMessage(status: number, message: string): Response {
  const headers = { "content-type": "application/json" };
  return new Response(JSON.stringify({ message }), { status, headers });
}
