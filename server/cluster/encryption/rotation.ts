/**
 * When a host changes its key, and in which steps: it makes the next key and says it in the store beside the one in
 * use; when the others have had the time to take it up it uses it, and says so. Pure.
 *
 * @module
 */

/** Age from which on a key is replaced, in ms. */
export const MAX_AGE_MS = 30 * 86_400_000;
/** How long a rotation waits for peers whose daemons are silent, in ms. */
export const PATIENCE_MS = 86_400_000;

/** What a rotation depends on. */
export interface RotationFacts {
  /** In ms since the epoch. */
  now: number;
  /** When the key in use was made. */
  made: number;
  /** The request that is in the store, and the last one that was followed. */
  request: string | undefined;
  followed: string | undefined;
  /** For how long the next key has been in the store, in ms; `undefined`: there is no next key, or nobody knows it. */
  announced: number | undefined;
  hasNext: boolean;
  /** How long other hosts' daemons may be away without being silent, in ms. */
  settle: number;
  /** Whether a peer's daemon is silent: it couldn't follow. */
  silent: boolean;
}

/** The next step; `wait` for one that comes by itself. */
export type RotationStep = "none" | "prepare" | "wait" | "use";

/** Decides it. */
export function rotationStep(facts: RotationFacts): RotationStep {
  const { now, made, request, followed, announced, hasNext, settle, silent } = facts;
  if (!hasNext) {
    const asked = request !== undefined && request !== followed;
    return asked || now - made >= MAX_AGE_MS ? "prepare" : "none";
  }
  if (announced === undefined || announced < settle) return "wait";
  return silent && announced < PATIENCE_MS ? "wait" : "use";
}
