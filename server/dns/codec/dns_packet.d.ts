/** The parts of dns-packet 5 that netsvc uses; the package ships no types. */
import type { Buffer } from "node:buffer";

/** Data of a SRV record (RFC 2782). */
export interface SrvData {
  port: number;
  target: string;
  priority: number;
  weight: number;
}

/** Data of a SOA record (RFC 1035, 3.3.13). */
export interface SoaData {
  mname: string;
  rname: string;
  serial: number;
  refresh: number;
  retry: number;
  expire: number;
  minimum: number;
}

/** A resource record; `ttl` in seconds. */
export type Answer =
  | { type: "A" | "AAAA" | "PTR"; name: string; ttl: number; data: string }
  | { type: "SRV"; name: string; ttl: number; data: SrvData }
  | { type: "SOA"; name: string; ttl: number; data: SoaData };

/** A decoded message. */
export interface Packet {
  id: number;
  rcode: string;
  flag_tc: boolean;
  flag_aa: boolean;
  questions: { name: string; type: string; class: string }[];
  answers: Answer[];
  authorities: Answer[];
  additionals: (Answer | {
    type: "OPT";
    name: string;
    udpPayloadSize: number;
    ednsVersion: number;
  })[];
}

export function decode(message: Buffer): Packet;
export function encode(packet: unknown): Buffer;
export const answer: { encode(record: Answer): Buffer };
export const name: { encodingLength(name: string): number };
