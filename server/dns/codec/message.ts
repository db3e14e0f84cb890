/**
 * A question and its answer, without their bytes.
 *
 * @module
 */
// @ts-types="./dns_packet.d.ts"
import type { Answer } from "dns-packet";

/** A question; `name` without the final dot. */
export interface Question {
  name: string;
  /** `A`, `AAAA`, …; `TYPEn` for types without a name here. */
  type: string;
  class: string;
}

/** An answer of our own. */
export interface LocalAnswer {
  rcode: "NOERROR" | "NXDOMAIN" | "REFUSED" | "NOTIMP";
  answers: Answer[];
  additionals: Answer[];
  authorities: Answer[];
  /** Whether the answers may be rotated: addresses of one name. */
  rotate: boolean;
  /** Of answers that may be rotated: how many are given at a time, the next ones each time; all unless given. */
  most?: number;
}
