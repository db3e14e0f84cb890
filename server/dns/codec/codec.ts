/**
 * Queries from the wire and answers onto it (RFC 1035, RFC 6891), on dns-packet.
 *
 * dns-packet writes every name in full; here an answer's owner that is the question's name becomes
 * a pointer to it (RFC 1035, 4.1.4), which is what keeps large answers within a datagram. Truncation
 * is on whole records.
 *
 * @module
 */
// @ts-types="./dns_packet.d.ts"
import { type Answer, answer as answerCodec, name as nameCodec } from "dns-packet";
import type { Buffer } from "node:buffer";
import { endOfQuestion, HEADER, OPT_SIZE, OPT_TYPE, placesOf } from "./records.ts";
import { fixedAnswer, type TurningAnswer } from "./rotation.ts";
import type { LocalAnswer, Question } from "./message.ts";

/** Payload over UDP that every client takes (RFC 1035, 4.2.1). */
export const MIN_PAYLOAD = 512;
/** UDP payload that crosses loopback, the path between a sandbox's resolver and its clients, in bytes. */
export const MAX_PAYLOAD = 4096;
/** UDP payload that crosses any path unfragmented, in bytes. */
export const SAFE_PAYLOAD = 1232;
/** Longest query accepted, in bytes: no legitimate one is longer. */
export const MAX_QUERY = 4096;
/** Longest message over TCP. */
export const MAX_MESSAGE = 65535;
/** Most additional records of a query: OPT, a signature, and some for future extensions. */
const MAX_ADDITIONALS = 4;

/** Response codes by name. */
export const RCODES = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const;
const POINTER_TO_QUESTION = 0xc00c;
/** Bits of the header's flags (RFC 1035, 4.1.1). */
const QR = 0x8000;
const AA = 0x0400;
const TC = 0x0200;
const RD = 0x0100;
const RA = 0x0080;
const OPCODE = 0x7800;
const OPCODE_MASK_SHIFT = 11;
/** Types and classes that netsvc knows (IANA's DNS parameters); others go by number (RFC 3597). */
const TYPES = new Map<number, string>([
  [1, "A"],
  [2, "NS"],
  [5, "CNAME"],
  [6, "SOA"],
  [12, "PTR"],
  [15, "MX"],
  [16, "TXT"],
  [28, "AAAA"],
  [33, "SRV"],
  [43, "DS"],
  [48, "DNSKEY"],
  [251, "IXFR"],
  [252, "AXFR"],
  [255, "ANY"],
]);
const CLASSES = new Map<number, string>([[1, "IN"], [3, "CH"], [4, "HS"], [255, "ANY"]]);

/** A query that can be answered. */
export interface Query {
  id: number;
  question: Question;
  /** The question section as received: the answer repeats it, including letter case. */
  questionBytes: Uint8Array;
  recursionDesired: boolean;
  opcode: number;
  /** Whether the client speaks EDNS. */
  edns: boolean;
  /** Longest answer over UDP, in bytes. */
  payload: number;
}

/** A query that gets an error, or (`drop`) no answer at all. */
export type Parsed =
  | { ok: true; query: Query }
  | { ok: false; drop: true }
  | { ok: false; drop: false; reply: Uint8Array };

/** An answer without records; repeats the question if that is legible. */
export function errorReply(
  message: Uint8Array,
  rcode: keyof typeof RCODES,
  query?: Query,
): Uint8Array {
  const code = RCODES[rcode];
  const question = query?.questionBytes ?? new Uint8Array();
  const opt = query?.edns ? optRecord(code) : new Uint8Array();
  const reply = new Uint8Array(HEADER + question.length + opt.length);
  const view = new DataView(reply.buffer);
  reply.set(message.subarray(0, 2));
  const flags = ((message[2] ?? 0) << 8) & (OPCODE | RD);
  view.setUint16(2, QR | RA | flags | (code & 0xf));
  if (query) view.setUint16(4, 1);
  if (opt.length > 0) view.setUint16(10, 1);
  reply.set(question, HEADER);
  reply.set(opt, HEADER + question.length);
  return reply;
}

/** The OPT record of an answer: our payload size, the upper bits of the response code. */
function optRecord(rcode: number): Uint8Array {
  const opt = new Uint8Array(OPT_SIZE);
  const view = new DataView(opt.buffer);
  view.setUint16(1, OPT_TYPE);
  view.setUint16(3, MAX_PAYLOAD);
  view.setUint8(5, rcode >> 4);
  return opt;
}

/** The name of a question; a dot within a label, which would read as another name, is escaped. */
function readName(message: Uint8Array, at: number): string {
  const labels: string[] = [];
  for (let length = message[at]!; length > 0; length = message[at]!) {
    const label = String.fromCharCode(...message.subarray(at + 1, at + 1 + length));
    labels.push(label.replaceAll(/[\\.]/g, "\\$&"));
    at += length + 1;
  }
  return labels.join(".");
}

/** Parses a query. */
export function parseQuery(message: Uint8Array): Parsed {
  if (message.length < HEADER || message[2]! & 0x80) return { ok: false, drop: true };
  const refuse = (rcode: keyof typeof RCODES, query?: Query): Parsed => ({
    ok: false,
    drop: false,
    reply: errorReply(message, rcode, query),
  });
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const flags = view.getUint16(2);
  const opcode = (flags & OPCODE) >> OPCODE_MASK_SHIFT;
  if (opcode !== 0) return refuse("NOTIMP");
  const end = endOfQuestion(message);
  if (message.length > MAX_QUERY || end === undefined) return refuse("FORMERR");
  if (view.getUint16(6) !== 0 || view.getUint16(8) !== 0) return refuse("FORMERR");
  const places = placesOf(message, MAX_ADDITIONALS);
  if (!places) return refuse("FORMERR");
  const options = places.filter(({ type }) => type === OPT_TYPE);
  const opt = options[0];
  const [type, of] = [view.getUint16(end - 4), view.getUint16(end - 2)];
  const query: Query = {
    id: view.getUint16(0),
    question: {
      name: readName(message, HEADER),
      type: TYPES.get(type) ?? `TYPE${type}`,
      class: CLASSES.get(of) ?? `CLASS${of}`,
    },
    questionBytes: message.slice(HEADER, end),
    recursionDesired: (flags & RD) !== 0,
    opcode,
    edns: opt !== undefined,
    payload: opt
      ? Math.min(Math.max(view.getUint16(opt.nameEnd + 2), MIN_PAYLOAD), MAX_PAYLOAD)
      : MIN_PAYLOAD,
  };
  // The owner of an OPT record is the root (RFC 6891, 6.1.2).
  if (options.length > 1 || (opt && opt.nameEnd !== opt.start + 1)) return refuse("FORMERR", query);
  if (opt && message[opt.nameEnd + 5]! > 0) return refuse("BADVERS", query);
  return { ok: true, query };
}

/** One record, its owner a pointer where it is the question's name. */
function encodeRecord(record: Answer, question: string): Uint8Array {
  const bytes = new Uint8Array(answerCodec.encode(record) as Buffer);
  if (record.name !== question || question === "") return bytes;
  const rest = bytes.subarray(nameCodec.encodingLength(record.name));
  const packed = new Uint8Array(2 + rest.length);
  new DataView(packed.buffer).setUint16(0, POINTER_TO_QUESTION);
  packed.set(rest, 2);
  return packed;
}

/**
 * Encodes an answer of at most `limit` bytes: leaves out records that don't fit, whole ones only, and sets TC
 * unless only additional records are missing.
 */
export function encodeAnswer(
  query: Query,
  answer: LocalAnswer,
  limit: number = MAX_MESSAGE,
): Uint8Array {
  const code = RCODES[answer.rcode];
  const opt = query.edns ? optRecord(code) : new Uint8Array();
  const encode = (records: Answer[]) =>
    records.map((record) => encodeRecord(record, query.question.name));
  const sections = [answer.answers, answer.authorities, answer.additionals].map(encode);
  const chosen: Uint8Array[] = [];
  const counts = [0, 0, 0];
  let size = HEADER + query.questionBytes.length + opt.length;
  let truncated = false;
  for (const [i, section] of sections.entries()) {
    for (const record of section) {
      if (truncated || size + record.length > limit) {
        truncated ||= i < 2;
        break;
      }
      size += record.length;
      chosen.push(record);
      counts[i]!++;
    }
  }
  const message = new Uint8Array(size);
  const view = new DataView(message.buffer);
  const refused = answer.rcode === "REFUSED" || answer.rcode === "NOTIMP";
  view.setUint16(0, query.id);
  view.setUint16(
    2,
    QR | RA | (refused ? 0 : AA) | (truncated ? TC : 0) | (query.recursionDesired ? RD : 0) |
      (code & 0xf),
  );
  view.setUint16(4, 1);
  view.setUint16(6, counts[0]!);
  view.setUint16(8, counts[1]!);
  view.setUint16(10, counts[2]! + (query.edns ? 1 : 0));
  message.set(query.questionBytes, HEADER);
  let at = HEADER + query.questionBytes.length;
  for (const record of chosen) {
    message.set(record, at);
    at += record.length;
  }
  message.set(opt, at);
  return message;
}

/** Encodes an answer for rotation, of at most `limit` bytes each time. */
export function encodeTurning(
  query: Query,
  answer: LocalAnswer,
  limit: number = query.payload,
): TurningAnswer {
  const { answers } = answer;
  if (!answer.rotate || answers.length < 2) return fixedAnswer(encodeAnswer(query, answer, limit));
  const message = encodeAnswer(query, answer);
  const at = HEADER + query.questionBytes.length;
  const count = (message[6]! << 8) | message[7]!;
  const rest = query.edns ? OPT_SIZE : 0;
  const { most } = answer;
  const size = (message.length - at - rest) / count;
  return { message, at, size, count, limit, ...most !== undefined && { most } };
}

/** Stands in for a forwarded answer that is too long for the client: its header, with TC. */
export function truncateForwarded(query: Query): Uint8Array {
  const reply = errorReply(new Uint8Array([query.id >> 8, query.id & 0xff]), "NOERROR", query);
  const view = new DataView(reply.buffer);
  view.setUint16(2, QR | RA | TC | (query.recursionDesired ? RD : 0));
  return reply;
}
