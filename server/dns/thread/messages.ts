/**
 * What the daemon and the thread that serves names tell each other: plain data.
 *
 * @module
 */
import type { QueryKind, ResolverSockets } from "../served_sandbox.ts";
import type { NamesChange } from "../zones/names.ts";

/** The servers and search domains that a container used before netsvc, asked from within its sandbox. */
export interface OwnServers {
  /** Of the sandbox's namespace. */
  path: string;
  servers: string[];
  search: string[];
  /** Whether the host's resolvers are asked where these don't answer. */
  otherwise: boolean;
}

/** What the daemon tells, in order. */
export type Told =
  | { type: "names"; changes: readonly NamesChange[] }
  /** Names are served on these sockets; with other servers than the host's. */
  | { type: "serve"; container: string; sockets: ResolverSockets; own?: OwnServers }
  | { type: "own"; container: string; own: OwnServers }
  /** The sockets are to be used no more; `finish`: when what has arrived is answered. */
  | { type: "end"; container: string; finish: boolean; ticket: number }
  /** A name is looked out for among what is asked outside, or is no longer. */
  | { type: "expect"; name: string; seen: number }
  | { type: "unexpect"; name: string };

/** What the thread tells: a ticket is done, a name was seen, or something is to be logged. */
export type ToldBack =
  | { type: "done"; ticket: number }
  | {
    type: "log";
    category: readonly string[];
    level: "debug" | "info" | "warning" | "error" | "fatal";
    text: string;
    properties: Record<string, unknown>;
  };

/** What the thread begins with. */
export interface Begin {
  /** Where it is told things. */
  port: MessagePort;
  shared: SharedWords;
  /** An event descriptor that is written when there is something told. */
  wake: number;
  /** Whether single words are never asked outside without a domain. */
  domainNeeded: boolean;
  /** Whether anybody reads the lowest level of the log. */
  debug: boolean;
}

/** How the metrics count queries, in the order of their words. */
export const KINDS: readonly QueryKind[] = ["local", "cached", "forwarded", "refused", "error"];

/** Memory that both have. */
export interface SharedWords {
  /** What was told, what of it is taken, whether the thread is about to look, and whether it is to end; by {@linkcode AT}. */
  state: Int32Array<SharedArrayBuffer>;
  /** Queries by {@linkcode KINDS}; written by the thread alone. */
  counts: Float64Array<SharedArrayBuffer>;
  /** How often expected names were seen. */
  seen: Int32Array<SharedArrayBuffer>;
}

/** Places in {@linkcode SharedWords.state}. */
export const AT = { told: 0, taken: 1, woken: 2, over: 3 } as const;
/** Names that can be expected at the same time. */
export const MAX_EXPECTED = 64;

/** Makes the memory for a thread; counts go on from an earlier one's. */
export function sharedWords(earlier?: SharedWords): SharedWords {
  return {
    state: new Int32Array(new SharedArrayBuffer(4 * Object.keys(AT).length)),
    counts: earlier?.counts ?? new Float64Array(new SharedArrayBuffer(8 * KINDS.length)),
    seen: earlier?.seen ?? new Int32Array(new SharedArrayBuffer(4 * MAX_EXPECTED)),
  };
}
