/**
 * Progress of slow answers: a client that asks for it is told at once that the daemon is working, then how
 * far the work is, until the answer follows. So the client needs no timeout for work that progresses.
 *
 * @module
 */

/** Header of requests whose client understands this; its value is `stream`. */
export const PATIENCE_HEADER = "netsvc-patience";

/** Type of such an answer: lines of JSON, each a {@linkcode PatienceLine}, the last one with an answer. */
export const PATIENCE_TYPE = "application/vnd.netsvc.patience+x-ndjson";

/** Progress of an operation. */
export interface Progress {
  done: number;
  total: number;
  /** What is counted, for people: `services unpublished`. */
  what: string;
}

/** One line of such an answer. */
export interface PatienceLine {
  progress?: Progress;
  /** The answer itself, as it would have come at once. */
  answer?: { status: number; headers: Record<string, string>; body: string };
}
