/**
 * The checksum of IP, ICMP and UDP headers. Pure.
 *
 * @module
 */

/** The checksum of RFC 1071, over 16-bit words; an odd byte at the end counts as the upper half. */
export function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
