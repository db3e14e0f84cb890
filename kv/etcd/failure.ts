/**
 * What etcd's refusals and gRPC's failures mean. Sources: gRPC status codes; etcd 3.4,
 * `etcdserver/api/v3rpc/rpctypes/error.go`.
 *
 * @module
 */
import { sleep } from "../../lib/async/sleep.ts";
import { status } from "@grpc/grpc-js";
import { NetsvcError } from "../../lib/api/errors.ts";

/** A failed call as grpc-js gives it. */
export interface CallError {
  code: number;
  details: string;
}

/** Whether a value is one. */
export function isCallError(error: unknown): error is CallError & Error {
  return error instanceof Error && "code" in error && "details" in error;
}

/** Pause before a call is made again that a change of users came before, in milliseconds. */
const OVERTAKEN_MS = 10;

/**
 * Whether users were changed between a question and what was to be done, and there is time to ask again, which is
 * then due: etcd has refused it, and done nothing.
 */
export async function isOvertaken(
  { details }: CallError,
  { inTime }: { inTime: boolean },
): Promise<boolean> {
  if (!inTime || !/revision of auth store is old/.test(details)) return false;
  await sleep(OVERTAKEN_MS);
  return true;
}

/**
 * The token is no longer valid, or there was none since none was needed: a new login helps.
 * Clients without a user name can't log in.
 */
export function needsLogin({ details }: CallError): boolean {
  return /invalid auth token|revision in header is old|auth store is old|user name is empty/.test(
    details,
  );
}

/** The user name or the password is wrong. */
export function isRefused({ details }: CallError): boolean {
  return /authentication failed/.test(details);
}

/**
 * The request never left, or a member refused it before it looked at it (it has no leader, or no vote
 * yet): it can be sent elsewhere, whatever it is.
 */
export function isUnsent(error: CallError): boolean {
  return isLearner(error) || hasNoLeader(error) || error.code === status.UNAVAILABLE &&
      /^(No connection established|Name resolution failed|Channel )/.test(error.details);
}

/** The member knows of no leader; it looks for one before it looks at a request. */
export function hasNoLeader({ details }: CallError): boolean {
  return /^etcdserver: no leader/.test(details);
}

/** The member has no vote yet and answers no client. */
function isLearner({ details }: CallError): boolean {
  return /not supported for learner/.test(details);
}

/** The server, or the way to it, failed; another endpoint may do better. */
export function isTrouble(error: CallError): boolean {
  return isLearner(error) || [
    status.UNAVAILABLE,
    status.DEADLINE_EXCEEDED,
    status.INTERNAL, // "Received RST_STREAM …": the connection broke.
    status.CANCELLED,
    status.UNKNOWN,
  ].includes(error.code);
}

const UNTRUSTED =
  /certificate|\bcert\b|_CERT_|SELF_SIGNED|UNABLE_TO_|issuer|handshake|\balert\b|InvalidContentType/i;

/** The call that failed. */
export interface FailedCall {
  /** The store's URL without secrets. */
  store: string;
  /** Whether it could have changed something. */
  write: boolean;
  /** As in a store's URL: who isn't trusted isn't the store. */
  own?: boolean | undefined;
}

/** The error to tell of. */
export function failure(error: CallError & Error, { store, write, own }: FailedCall): NetsvcError {
  const { code } = error;
  const details = readable(error.details);
  const because = (kind: ConstructorParameters<typeof NetsvcError>[0], what: string) =>
    new NetsvcError(kind, `The store "${store}" ${what}`, { cause: error });
  if (
    /authentication failed|user name (is empty|not found)|permission denied|auth token|auth store|auth:/
      .test(
        details,
      )
  ) {
    return because("unauthorized", `refuses the login: ${details}; check user name and password`);
  }
  if (code === status.UNAVAILABLE && UNTRUSTED.test(details)) {
    if (own) {
      return because(
        "unavailable",
        `has no trusted connection: ${details}; is this host's clock right, and is it a host of the cluster still?`,
      );
    }
    return because("unauthorized", `has no trusted connection: ${details}; check ca=, cert=, key=`);
  }
  if (code === status.UNIMPLEMENTED) {
    return because("unsupported", `is not an etcd of version 3.4 or later: ${details}`);
  }
  if (/too large|too many operations|larger than max/.test(details)) {
    return because("invalid", `rejects a transaction of this size: ${details}; split it`);
  }
  if (/requested lease not found/.test(details)) {
    return new NetsvcError("conflict", "The lease was lost; take a new one", { cause: error });
  }
  if (code === status.RESOURCE_EXHAUSTED && /too many requests/.test(details)) {
    return because("unavailable", "has too many requests to answer; try again");
  }
  if (code === status.RESOURCE_EXHAUSTED) {
    return because("exhausted", `is full: ${details}; compact and defragment it`);
  }
  if (code === status.DEADLINE_EXCEEDED) return because("timeout", "did not answer in time");
  if (isUnsent(error)) {
    return because("unavailable", `can't be reached: ${details}`);
  }
  if (!isTrouble(error)) return because("internal", `refuses the request: ${details}`);
  return write
    ? because("timeout", `did not say whether it applied the transaction: ${details}`)
    : because("unavailable", `can't be reached: ${details}`);
}

/** grpc-js's text without its meaningless parts. */
function readable(details: string): string {
  return details.replace(/^No connection established\. Last error: /, "")
    .replace(/^(Error: )+/, "").replace(/\.? ?Resolution note: ?$/, "")
    .replace(/^etcdserver: /, "").replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)/, "").replaceAll(
      /\s*\n\s*/g,
      "; ",
    ) || "no reason given";
}
