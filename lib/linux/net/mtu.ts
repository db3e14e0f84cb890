/**
 * The least MTU of IPv6.
 *
 * @module
 */
import { NetsvcError } from "../../api/errors.ts";

/** A link of a smaller MTU has no IPv6 at all (RFC 8200, 5); in bytes. */
export const MIN_IPV6_MTU = 1280;

/** Refuses an option `mtu` that a network can't have. @throws {NetsvcError} `invalid` */
export function checkMtu(mtu: number | undefined, ipv6: boolean): void {
  if (!ipv6 || mtu === undefined || mtu >= MIN_IPV6_MTU) return;
  throw new NetsvcError(
    "invalid",
    `Invalid option mtu=${mtu}: IPv6 needs at least ${MIN_IPV6_MTU}`,
  );
}
