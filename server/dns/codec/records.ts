/**
 * Messages as they are on the wire (RFC 1035, 4.1), parsed by hand: every step is bounds-checked, and record names
 * are skipped, never followed, so that parsing is linear in the message's length, whatever its content. Pure.
 *
 * @module
 */

/** Length of a message's header. */
export const HEADER = 12;
/** Type of the pseudo-record of EDNS (RFC 6891). */
export const OPT_TYPE = 41;
/** Longest name, in bytes (RFC 1035, 2.3.4). */
const MAX_NAME = 255;
/** Longest label, in bytes (RFC 1035, 2.3.4). */
const MAX_LABEL = 63;
/** The two bits that mark a compression pointer (RFC 1035, 4.1.4). */
const POINTER = 0xc0;
/** Length of an OPT record without options, in bytes. */
export const OPT_SIZE = 11;

/** A record's place in its message. */
export interface RecordPlace {
  /** 0: answers, 1: authorities, 2: additionals. */
  section: number;
  /** Offsets of the owner's name: its start, and its end. */
  start: number;
  nameEnd: number;
  type: number;
  /** Offset of its data, and of the record's end. */
  data: number;
  end: number;
}

function word(message: Uint8Array, at: number): number {
  return (message[at]! << 8) | message[at + 1]!;
}

function setWord(message: Uint8Array, at: number, value: number): void {
  message[at] = value >> 8;
  message[at + 1] = value & 0xff;
}

/** Number of questions (0) or of a section's records (1 to 3), according to the header. */
export function count(message: Uint8Array, section: number): number {
  return word(message, 4 + 2 * section);
}

/** Offset of the end of the name that starts at `at`; compressed names only where that is `allowed`. */
export function endOfName(
  message: Uint8Array,
  at: number,
  { pointers = true }: { pointers?: boolean } = {},
): number | undefined {
  const start = at;
  while (at < message.length) {
    const length = message[at]!;
    if (length === 0) return at + 1 - start > MAX_NAME ? undefined : at + 1;
    if (length >= POINTER) return pointers && at + 2 <= message.length ? at + 2 : undefined;
    if (length > MAX_LABEL || at - start > MAX_NAME) return undefined;
    at += length + 1;
  }
  return undefined;
}

/** Offset of the end of a message's one question; `undefined` where there isn't exactly one. */
export function endOfQuestion(message: Uint8Array): number | undefined {
  if (message.length < HEADER || count(message, 0) !== 1) return undefined;
  const end = endOfName(message, HEADER, { pointers: false });
  return end === undefined || end + 4 > message.length ? undefined : end + 4;
}

/** The records of a message with one question, in order; `undefined` where they are out of bounds. */
export function placesOf(message: Uint8Array, most = Infinity): RecordPlace[] | undefined {
  let at = endOfQuestion(message);
  if (at === undefined) return undefined;
  const places: RecordPlace[] = [];
  for (let section = 0; section < 3; section++) {
    for (let left = count(message, section + 1); left > 0; left--) {
      const nameEnd = endOfName(message, at);
      if (nameEnd === undefined || nameEnd + 10 > message.length) return undefined;
      const data = nameEnd + 10;
      const end = data + word(message, nameEnd + 8);
      if (end > message.length || places.length >= most) return undefined;
      places.push({ section, start: at, nameEnd, type: word(message, nameEnd), data, end });
      at = end;
    }
  }
  return places;
}

/** The OPT record of a message that has one. */
export function findOpt(message: Uint8Array): RecordPlace | undefined {
  return placesOf(message)?.find(({ section, type }) => section === 2 && type === OPT_TYPE);
}

/** The message without EDNS. */
export function withoutOpt(message: Uint8Array): Uint8Array {
  const opt = findOpt(message);
  if (!opt) return message;
  const rest = new Uint8Array(message.length - (opt.end - opt.start));
  rest.set(message.subarray(0, opt.start));
  rest.set(message.subarray(opt.end), opt.start);
  setWord(rest, 10, count(message, 3) - 1);
  return rest;
}

/** The message with an EDNS payload size of this many bytes. */
export function withPayload(message: Uint8Array, payload: number): Uint8Array {
  const opt = findOpt(message);
  if (opt) {
    const copy = message.slice();
    setWord(copy, opt.nameEnd + 2, payload);
    return copy;
  }
  const places = placesOf(message);
  if (!places) return message;
  const end = places.at(-1)?.end ?? endOfQuestion(message)!;
  const longer = new Uint8Array(end + OPT_SIZE);
  longer.set(message.subarray(0, end));
  setWord(longer, end + 1, OPT_TYPE);
  setWord(longer, end + 3, payload);
  setWord(longer, 10, count(message, 3) + 1);
  return longer;
}

/** Whether two names, or questions, are equal without regard to letter case (RFC 4343). */
export function sameLetters(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i] && lower(a[i]!) !== lower(b[i]!)) return false;
  }
  return true;
}

/** An ASCII letter in lower case; other bytes unchanged. */
export function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

/** Types whose data is a name, or ends in names; offset of the first and how many (RFC 1035, 3.3). */
const NAMES_IN_DATA = new Map<number, [at: number, names: number]>([
  [2, [0, 1]], // NS
  [5, [0, 1]], // CNAME
  [6, [0, 2]], // SOA
  [12, [0, 1]], // PTR
  [15, [2, 1]], // MX
  [17, [0, 2]], // RP
  [18, [2, 1]], // AFSDB
  [21, [2, 1]], // RT
  [33, [6, 1]], // SRV (RFC 2782): must not be compressed, but some servers do.
  [39, [0, 1]], // DNAME
]);
const MAX_POINTER = 0x3fff;

/**
 * The answer to one name, given for another: question and CNAME lead to the name found (RFC 1034, 3.6.2).
 * Compressed names keep their meaning.
 *
 * @param reply the answer to `label` with a domain appended
 * @param question the client's question section, for `label` alone
 * @returns `undefined` where the reply is malformed, or too long for its pointers
 */
export function answerByAlias(reply: Uint8Array, question: Uint8Array): Uint8Array | undefined {
  const oldStart = endOfQuestion(reply);
  const places = placesOf(reply);
  if (oldStart === undefined || !places) return undefined;
  const target = reply.subarray(HEADER, oldStart - 4);
  const nameAt = HEADER + question.length + 12;
  const newStart = nameAt + target.length;
  const end = places.at(-1)?.end ?? oldStart;
  const message = new Uint8Array(newStart + end - oldStart);
  if (message.length > 0xffff) return undefined;
  message.set(reply.subarray(0, HEADER));
  message[3]! &= ~0x20; // The combined answer isn't authenticated (AD).
  setWord(message, 6, count(reply, 1) + 1);
  message.set(question, HEADER);
  const ttl = Math.min(
    60,
    ...places.filter(({ section }) => section === 0).map((place) => ttlOf(reply, place)),
  );
  const alias = HEADER + question.length;
  message.set([0xc0, HEADER, 0, 5, 0, 1, 0, 0, 0, ttl], alias);
  setWord(message, alias + 10, target.length);
  message.set(target, nameAt);
  message.set(reply.subarray(oldStart, end), newStart);
  const shift = newStart - oldStart;
  const moveName = (at: number, bound: number): number | undefined => {
    const nameEnd = endOfName(reply, at);
    if (nameEnd === undefined || nameEnd > bound) return undefined;
    if (!endsInPointer(reply, at)) return nameEnd;
    const to = word(reply, nameEnd - 2) & MAX_POINTER;
    const moved = to >= oldStart ? to + shift : to >= HEADER ? to - HEADER + nameAt : undefined;
    if (moved === undefined || moved > MAX_POINTER) return undefined;
    setWord(message, nameEnd - 2 + shift, 0xc000 | moved);
    return nameEnd;
  };
  for (const place of places) {
    if (moveName(place.start, place.nameEnd) === undefined) return undefined;
    const [offset, names] = NAMES_IN_DATA.get(place.type) ?? [0, 0];
    let at: number | undefined = place.data + offset;
    for (let i = 0; i < names && at !== undefined; i++) at = moveName(at, place.end);
    if (at === undefined) return undefined;
  }
  return message;
}

/** A record's TTL in seconds, at most 255, so that it fits a byte. */
function ttlOf(message: Uint8Array, { nameEnd }: RecordPlace): number {
  const at = nameEnd + 4;
  return message[at]! | message[at + 1]! | message[at + 2]! ? 255 : message[at + 3]!;
}

/** Whether a name within bounds ends in a pointer, not in the root's empty label. */
function endsInPointer(message: Uint8Array, at: number): boolean {
  while (message[at]! > 0 && message[at]! < POINTER) at += message[at]! + 1;
  return message[at]! >= POINTER;
}
