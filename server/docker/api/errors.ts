/**
 * Errors as Docker's clients read them: `{"message"}`. Unless the content type is exactly
 * `application/json`, clients print the JSON itself.
 *
 * @module
 */
import { type ErrorCode, toNetsvcError } from "../../../lib/api/errors.ts";
import { errorChain } from "../../../lib/api/errors.ts";

/** Where Docker's status differs from netsvc's: removing an object in use is forbidden. */
const STATUS: Partial<Record<ErrorCode, number>> = { in_use: 403 };

/** The answer to a failed request. */
export function dockerErrorResponse(error: unknown): Response {
  const failure = toNetsvcError(error);
  // The input of a tool belongs in the log only.
  const words = errorChain(failure).filter((text) => !text.includes(" was given: "));
  return dockerMessage(STATUS[failure.code] ?? failure.status, words.join(": "));
}

/** An error that both Docker's clients and netsvc's own can read: either may have sent the request. */
export function errorForBoth(error: unknown): Response {
  const { code, status, message, exitCode } = toNetsvcError(error);
  const title = code.replaceAll("_", " ");
  const both = { message, type: "about:blank", title, status, detail: message, code, exitCode };
  return new Response(JSON.stringify(both), {
    status,
    headers: { "content-type": "application/json" },
  });
}

/** An error answer with a status. */
export function dockerMessage(status: number, message: string): Response {
  const headers = { "content-type": "application/json" };
  return new Response(JSON.stringify({ message }), { status, headers });
}
