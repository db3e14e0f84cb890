/**
 * The hash FNV-1a of 32 bits (draft-eastlake-fnv): fast on a few bytes, and not for input that an
 * adversary chooses. Pure.
 *
 * @module
 */

/** The hash of the bytes from `begin` to `end`, an unsigned integer. */
export function fnv1a(bytes: Uint8Array, begin = 0, end: number = bytes.length): number {
  let hash = 0x811c9dc5;
  for (let i = begin; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash >>> 0;
}
