/**
 * How an answer that takes its time is sent: a client that asks for it hears at once that the daemon is
 * at work, and then how far it is, until the answer comes. So it needs no limit for work that goes on.
 *
 * @module
 */

/** Header of requests whose client understands this; its value is `stream`. */
export const PATIENCE_HEADER = "netsvc-patience";

/** Type of such an answer: lines of JSON, each a {@linkcode PatienceLine}, the last one with an answer. */
export const PATIENCE_TYPE = "application/vnd.netsvc.patience+x-ndjson";

/** How far something is. */
export interface Progress {
  done: number;
  total: number;
  /** What is counted, for people: `services unpublished`. */
  what: string;
}

/** One line. */
export interface PatienceLine {
  progress?: Progress;
  /** The answer itself, as it would have come at once. */
  answer?: { status: number; headers: Record<string, string>; body: string };
}
