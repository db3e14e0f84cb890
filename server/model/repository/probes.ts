/**
 * What two daemons write to each other's inbox in the store while one of them examines the path between them, as
 * JSON. Each key is the answer to the one before:
 *
 * 1. `probes/B/TOKEN/request`: A listens; B is to listen and to send to A.
 * 2. `probes/A/TOKEN/ready`: B listens, and sends to A.
 * 3. `probes/A/TOKEN/report`: what B has received of what A sent.
 *
 * All expire with their writers' leases, and B writes only while the request is there: nothing is left over.
 *
 * @module
 */
import type { Entry, Lease, Transaction } from "../../../kv/store.ts";
import { keys } from "../keys.ts";
import { parsed, unversioned } from "./record_type.ts";

/** Version of these records. */
const VERSION = 1;
/** A message with the last part of its key. */
export type Letter =
  | { step: "request"; value: ProbeRequest }
  | { step: "ready"; value: ProbeReady }
  | { step: "report"; value: ProbeReport };

/** An end of the tunnel. */
export interface ProbeEnd {
  /** Underlay address; absent where the host has none. */
  address?: string;
  /** UDP port of VXLAN. */
  port: number;
  /** Sizes of the packets that it sends, in bytes. */
  sizes: number[];
}

/** Step 1. */
export interface ProbeRequest {
  /** Id of the host that asks. */
  from: string;
  end: ProbeEnd;
}

/** Step 2. */
export interface ProbeReady {
  /** The host's clock at that moment: Unix time in milliseconds. */
  time: number;
  end: ProbeEnd;
  /** Why it can't listen; then nothing is sent. */
  failure?: string;
}

/** What one end knows about the packets. */
export interface Heard {
  /** Sizes that arrived, in bytes. */
  heard: number[];
  /** `errno` by size of packets that couldn't be sent. */
  refused: Record<number, number>;
}

/** Step 3. */
export type ProbeReport = Heard;

/** The outcome of an examination. */
export interface ProbeResult {
  /** This host's end. */
  own: ProbeEnd;
  /** Absent when the peer didn't answer through the store. */
  ready?: ProbeReady;
  /** How far the peer's clock is ahead, in milliseconds, and how exactly that is known. */
  clock?: { ahead: number; within: number };
  /** What arrived here, and what this host couldn't send. */
  here?: Heard;
  /** The peer's report; absent when it wrote none. */
  there?: ProbeReport;
  /** Whether the peer's address answers a ping. */
  ping?: boolean;
}

/** What hosts write into each other's inboxes. */
export const probeRecords = {
  /** Prefix of a host's inbox; what follows is `TOKEN/STEP`. */
  inbox: (host: string): string => keys.probesOf(host),

  /** @param host the owner of the inbox */
  put(host: string, token: string, letter: Letter & { lease?: Lease }): Transaction {
    const { step, value, lease } = letter;
    const key = keys.probe(host, token, step);
    const text = JSON.stringify({ v: VERSION, ...value });
    return { puts: [{ key, value: text, ...lease && { lease } }] };
  },

  /** Deletes messages from a host's inbox. */
  delete: (host: string, token: string, ...steps: Letter["step"][]): Transaction => ({
    deletes: steps.map((step) => keys.probe(host, token, step)),
  }),

  /** Messages; the store's guard has checked them. */
  request: (entry: Entry): ProbeRequest => opened(entry) as ProbeRequest,
  ready: (entry: Entry): ProbeReady => opened(entry) as ProbeReady,
  report: (entry: Entry): ProbeReport => opened(entry) as ProbeReport,
};

function opened({ value }: Entry): unknown {
  return unversioned(parsed(value) as object);
}
