/**
 * Answers with several addresses, rotated for each query: the encoded records all have the same length, so an
 * answer is encoded once and its bytes are rotated. Pure.
 *
 * @module
 */

const TC = 0x02;

/** An encoded answer that starts with a different record each time. */
export interface TurningAnswer {
  /** The message with all its records, whatever the client accepts. */
  message: Uint8Array;
  /** Offset of the records, length of each, and their number; a single record isn't rotated. */
  at: number;
  size: number;
  count: number;
  /** The longest answer that the client accepts, in bytes. */
  limit: number;
}

/** An answer that is the same each time. */
export function fixedAnswer(message: Uint8Array): TurningAnswer {
  return { message, at: message.length, size: 0, count: 1, limit: message.length };
}

/** The answer starting with record `first`; as many records as fit, and TC where some don't. */
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
