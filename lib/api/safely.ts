/**
 * Values from outside, checked by a schema that may trip over them.
 *
 * @module
 */

/**
 * A schema's result for a value; `undefined` where the schema throws: zod 4.6.7 compares the length of any
 * value that has one with a number, and the length of `{"length": {"valueOf": 1}}` can't be converted to one.
 */
export function safely<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isUnreadable(error)) return undefined;
    throw error;
  }
}

/** Whether an error is the one that zod throws about such a value. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof TypeError && /convert object to primitive/i.test(error.message);
}

/** The message for the sender of such a value. */
export const UNREADABLE = "Invalid request: its length is not a number";
