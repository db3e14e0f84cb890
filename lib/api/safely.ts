/**
 * Values of others, and what reads them.
 *
 * @module
 */

/**
 * What a schema says of a value; `undefined` where the value is none that it can look at: zod 4.6.7
 * compares the length of whatever has one with a number, and an object that has `{"length": {"valueOf": 1}}`
 * has a length that is not a number.
 */
export function safely<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isUnreadable(error)) return undefined;
    throw error;
  }
}

/** Whether it is what is thrown about such a value. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof TypeError && /convert object to primitive/i.test(error.message);
}

/** What whoever wrote it is told. */
export const UNREADABLE = "Invalid request: its length is not a number";
