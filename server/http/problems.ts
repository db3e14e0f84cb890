/**
 * Errors on the wire: RFC 9457 `application/problem+json`, with netsvc's stable `code`.
 *
 * @module
 */
import { HTTPException } from "@hono/hono/http-exception";
import type { z } from "@hono/zod-openapi";
import { errorChain, NetsvcError, toNetsvcError } from "../../lib/api/errors.ts";
import type { Problem } from "../../lib/api/types.ts";
import { isUnreadable, UNREADABLE } from "../../lib/api/safely.ts";

/** The answer to a failed request. */
export function problemResponse(thrown: unknown): Response {
  const error = isUnreadable(thrown) ? new NetsvcError("invalid", UNREADABLE) : thrown;
  // hono itself throws for bodies that it can't parse.
  const failure = error instanceof HTTPException && error.status < 500
    ? new NetsvcError("invalid", `Invalid request: ${error.message}`)
    : toNetsvcError(error);
  const causes = errorChain(failure).slice(1);
  const problem: Problem & { exitCode: number } = {
    type: "about:blank",
    title: failure.code.replaceAll("_", " "),
    status: failure.status,
    detail: failure.message,
    code: failure.code,
    exitCode: failure.exitCode,
    ...causes.length > 0 && { causes },
  };
  return new Response(JSON.stringify(problem), {
    status: failure.status,
    headers: {
      "content-type": "application/problem+json",
      ...failure.code === "unauthorized" && { "www-authenticate": "Bearer" },
    },
  });
}

/** The first issue that a schema found, as one line that names the field. */
export function schemaError(error: z.ZodError): NetsvcError {
  const [issue] = error.issues;
  const where = issue && issue.path.length > 0 ? ` at "${issue.path.join(".")}"` : "";
  return new NetsvcError("invalid", `Invalid request${where}: ${issue?.message ?? "unknown"}`);
}
