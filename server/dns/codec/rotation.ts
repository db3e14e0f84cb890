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
  /** Records given at a time, at most; all unless given. */
  most?: number;
}

/** An answer that is the same each time. */
export function fixedAnswer(message: Uint8Array): TurningAnswer {
  return { message, at: message.length, size: 0, count: 1, limit: message.length };
}

/** Records that are to be given. */
function wanted({ count, most = count }: TurningAnswer): number {
  return Math.min(count, most);
}

/** Whole records that fit. */
function fitting(answer: TurningAnswer): number {
  const { message, at, size, count, limit } = answer;
  const all = wanted(answer);
  if (count < 2) return count;
  const rest = message.length - (at + count * size);
  if (at + all * size + rest <= limit) return all;
  return Math.max(0, Math.floor((limit - at - rest) / size));
}

/** The length of every rotation of an answer. */
export function turnedLength(answer: TurningAnswer): number {
  const { message, size, count } = answer;
  return count < 2 ? message.length : message.length - (count - fitting(answer)) * size;
}

/** An answer, and the record that comes first. */
export interface Turn {
  answer: TurningAnswer;
  next: number;
}

/** Writes the answer starting with a record; as many records as fit, and TC where some of those wanted don't. */
export function turnInto({ answer, next: first }: Turn, into: Uint8Array): void {
  const { message, at, size, count } = answer;
  if (count < 2) return into.set(message);
  const fit = fitting(answer);
  into.set(message.subarray(0, at));
  const begin = at + first * size;
  const straight = Math.min(fit, count - first);
  into.set(message.subarray(begin, begin + straight * size), at);
  into.set(message.subarray(at, at + (fit - straight) * size), at + straight * size);
  into.set(message.subarray(at + count * size), at + fit * size);
  if (fit < count) {
    if (fit < wanted(answer)) into[2]! |= TC;
    into[6] = fit >> 8;
    into[7] = fit & 0xff;
  }
}

/** The answer starting with record `first`, as {@linkcode turnInto} writes it. */
export function turned(answer: TurningAnswer, first: number): Uint8Array {
  const copy = new Uint8Array(turnedLength(answer));
  turnInto({ answer, next: first }, copy);
  return copy;
}
