/**
 * The one error of netsvc. It is made where the failure is understood, crosses the API as RFC 9457
 * `application/problem+json` and ends as one line on the client's terminal.
 *
 * @module
 */

/** Every stable error code with the HTTP status it travels under. Codes are API: never rename one. */
export const ERROR_STATUS = {
  /** The input is malformed or breaks a rule; the message names the value and the remedy. */
  invalid: 400,
  /** An id prefix fits several objects; the message lists them. */
  ambiguous: 400,
  /** A token is missing or wrong. */
  unauthorized: 401,
  /** The request is understood and never allowed (a predefined network, a browser page). */
  forbidden: 403,
  /** No such object. */
  not_found: 404,
  /** Another object already has the name, address, MAC or port. */
  exists: 409,
  /** The client didn't send its whole request in time. */
  request_timeout: 408,
  /** The object is in use; the message lists what uses it. */
  in_use: 409,
  /** Other clients changed the same objects concurrently, in every attempt. */
  conflict: 409,
  /** A pool or another bounded resource has nothing left. */
  exhausted: 409,
  /** The request body is larger than the limit. */
  too_large: 413,
  /** The body is not `application/json`. */
  unsupported_media_type: 415,
  /** netsvc itself failed; the cause has the details. */
  internal: 500,
  /** A tool (`ip`, `nft`, …) failed or the kernel refused. */
  kernel: 500,
  /** This kernel or machine lacks a feature. */
  unsupported: 501,
  /** The store, the daemon or a plugin can't be reached. */
  unavailable: 503,
  /** A deadline passed. */
  timeout: 504,
} as const;

/** A stable, machine-readable error code. */
export type ErrorCode = keyof typeof ERROR_STATUS;

/** Options of {@linkcode NetsvcError}. */
export interface NetsvcErrorOptions {
  /** What made this fail. */
  cause?: unknown;
  /** Exit status of the command line; 1 unless given, 2 for usage errors. */
  exitCode?: number;
}

/** An error with a stable `code`, an HTTP `status` and an `exitCode` for the command line. */
export class NetsvcError extends Error {
  override readonly name = "NetsvcError";
  readonly code: ErrorCode;
  readonly exitCode: number;

  /**
   * @param code the stable code
   * @param message one line, capital first, no final period, values in double quotes
   */
  constructor(code: ErrorCode, message: string, options: NetsvcErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.exitCode = options.exitCode ?? 1;
  }

  /** HTTP status of this error. */
  get status(): number {
    return ERROR_STATUS[this.code];
  }
}

/** What Deno adds to the system's words: the number, and its own call with the path. */
const RUNTIME_NOISE = / \(os error \d+\)(?:: [a-z_]+ '[^']*'(?: -> '[^']*')?)?/g;

/** The messages of an error and of its causes, outermost first, each on one line. */
export function errorChain(error: unknown): string[] {
  const chain: string[] = [];
  for (let e = error; e !== undefined && e !== null && chain.length < 8;) {
    const message = (e instanceof Error ? e.message : String(e)).replaceAll(/\s*\n\s*/g, "; ")
      .replaceAll(RUNTIME_NOISE, "");
    // A wrapping error's message often only repeats that of its cause.
    if (!chain.at(-1)?.endsWith(message)) chain.push(message);
    e = e instanceof Error ? e.cause : undefined;
  }
  return chain;
}

/** Whether a value is a NetsvcError, by name: in the executable the daemon's bundle has a class of its own. */
export function isNetsvcError(error: unknown): error is NetsvcError {
  return error instanceof Error && error.name === "NetsvcError";
}

/** Whether a store, a plugin or an engine can't be reached or doesn't answer in time: a retry may succeed. */
export function isAway(error: unknown): boolean {
  return error instanceof NetsvcError && ["unavailable", "timeout"].includes(error.code);
}

/** Whether a store, or a host, didn't take who asked for one that may. */
export function isRefusal(error: unknown): boolean {
  return error instanceof NetsvcError && error.code === "unauthorized";
}

/** Any thrown value as a {@linkcode NetsvcError}; any other value becomes `internal` with it as the cause. */
export function toNetsvcError(error: unknown): NetsvcError {
  if (error instanceof NetsvcError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new NetsvcError("internal", message || "Unknown error", { cause: error });
}
