/**
 * Ids and times for new records.
 *
 * @module
 */

/** A new object id: 64 hex digits. */
export function newId(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toHex();
}

/** The time now, as records hold it. */
export function now(): string {
  return new Date().toISOString();
}
