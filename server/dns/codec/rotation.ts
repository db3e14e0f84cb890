/**
 * Answers with several addresses, given in another order each time: the encoded records are all of one
 * length, so they are turned as bytes, and encoded once. Pure.
 *
 * @module
 */

const TC = 0x02;

/** An encoded answer, of which each time another record is the first. */
export interface TurningAnswer {
  /** With all its records, whatever the client takes. */
  message: Uint8Array;
  /** Where the records start, how long each is, and how many there are; none are turned if only one. */
  at: number;
  size: number;
  count: number;
  /** What the client takes, in bytes. */
  limit: number;
}

/** An answer that is the same each time. */
export function fixedAnswer(message: Uint8Array): TurningAnswer {
  return { message, at: message.length, size: 0, count: 1, limit: message.length };
}

/** The answer that begins with a record; as many as fit, and TC where that isn't all of them. */
export function turned(answer: TurningAnswer, first: number): Uint8Array {
  const { message, at, size, count, limit } = answer;
  if (count < 2) return message.slice();
  const after = at + count * size;
  const rest = message.length - after;
  const fitting = message.length <= limit
    ? count
    : Math.max(0, Math.floor((limit - at - rest) / size));
  const copy = new Uint8Array(at + fitting * size + rest);
  copy.set(message.subarray(0, at));
  const begin = at + first * size;
  const straight = Math.min(fitting, count - first);
  copy.set(message.subarray(begin, begin + straight * size), at);
  copy.set(message.subarray(at, at + (fitting - straight) * size), at + straight * size);
  copy.set(message.subarray(after), at + fitting * size);
  if (fitting < count) {
    copy[2]! |= TC;
    copy[6] = fitting >> 8;
    copy[7] = fitting & 0xff;
  }
  return copy;
}
