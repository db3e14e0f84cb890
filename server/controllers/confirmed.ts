/**
 * Confirms refusals that rest on this host's copy of the shared store: the store itself is asked before the caller
 * is refused, since the copy may be a moment behind or, where this host is cut off, much more. A script takes "no
 * such service" for final.
 *
 * @module
 */
import { errorChain, type ErrorCode, isAway, NetsvcError } from "../../lib/api/errors.ts";
import { isIdPrefix, splitServiceReference } from "../../lib/api/names.ts";
import type { Context } from "./context.ts";
import { tryFindNetwork } from "./lookup.ts";

/** Codes of refusals that depend on what exists. */
const ABOUT_STATE = new Set<ErrorCode>([
  ...["not_found", "exists", "in_use", "ambiguous", "exhausted", "conflict"] as const,
]);
/** Refusals with another code that depend on the state, too. */
const marked = new WeakSet<Error>();
/** Refusals that have been confirmed and need no second look. */
const lookedUp = new WeakSet<Error>();

/** Marks a refusal that depends on the state although its code is about input. */
export function byState(error: NetsvcError): NetsvcError {
  marked.add(error);
  return error;
}

/** Whether an error is about objects that other hosts may have changed. */
function isAboutState(error: unknown): error is NetsvcError {
  return error instanceof NetsvcError && !lookedUp.has(error) &&
    (ABOUT_STATE.has(error.code) || marked.has(error));
}

/** The objects that an action concerns. */
export interface Concerned {
  context: Pick<Context, "state" | "cluster">;
  /** References of networks: the store is asked only where one of them is, or may be, a shared one. */
  networks: (string | undefined)[];
}

/**
 * Runs an action that may refuse, and runs it once more where the refusal came from an old copy.
 *
 * @throws {NetsvcError} `unavailable` instead of a refusal that can't be confirmed
 */
export async function confirmed<T>(
  { context, networks }: Concerned,
  action: () => Promise<T>,
): Promise<T> {
  const { state, cluster: { interests } } = context;
  if (!interests.remote) return await action();
  const before = state.shared.changes;
  try {
    return await action();
  } catch (error) {
    if (!isAboutState(error)) throw error;
    const concerned = concernedOf(context, networks);
    if (!concerned) throw error;
    try {
      await interests.catchUp(concerned);
    } catch (cause) {
      throw isAway(cause) ? unconfirmed(error, cause) : cause;
    }
    if (state.shared.changes === before) {
      lookedUp.add(error);
      throw error;
    }
  }
  try {
    return await action();
  } catch (error) {
    if (error instanceof Error) lookedUp.add(error);
    throw error;
  }
}

/** References of the networks that a reference to a service may mean. */
export function networksOfService(
  reference: string,
  defaultNetwork: string,
): (string | undefined)[] {
  const { service, network } = splitServiceReference(reference);
  // An id finds its service on any network, even on one that isn't known here.
  return [
    network ?? defaultNetwork,
    network === undefined && isIdPrefix(service) ? service : undefined,
  ];
}

/** Ids of the shared store's networks among references; `undefined` when all are this host's own. */
function concernedOf(
  { state }: Pick<Context, "state">,
  references: (string | undefined)[],
): string[] | undefined {
  const ids: string[] = [];
  let any = false;
  for (const reference of references) {
    if (reference === undefined) continue;
    const network = tryFindNetwork(state, reference)?.record;
    if (network?.scope === "local") continue;
    any = true; // A network that isn't known here may exist all the same.
    if (network) ids.push(network.id);
  }
  return any ? ids : undefined;
}

function unconfirmed(refusal: NetsvcError, cause: unknown): NetsvcError {
  const [why] = errorChain(cause);
  const [what] = refusal.message.split('; "netsvc '); // The refusal's remedy doesn't fit any more.
  return new NetsvcError(
    "unavailable",
    `By what this host knew last: ${what}; whether it is so still can't be looked up: ${why}`,
    { cause },
  );
}
