/**
 * Addresses as text. Pure.
 *
 * @module
 */
import ipaddr from "ipaddr.js";

/** An address, or the address of a CIDR, without the prefix length. */
export function bareAddress(text: string): string {
  return text.split("/")[0]!;
}

/** 4 or 6. */
export function familyOf(text: string): 4 | 6 {
  return text.includes(":") ? 6 : 4;
}

/** An address as the kernel writes it (RFC 5952). */
export function canonicalAddress(text: string): string {
  return ipaddr.parse(text).toString();
}

/** Whether a subnet holds an address; both as text, the address with or without prefix length. */
export function subnetHolds(subnet: string, address: string): boolean {
  const [base, prefix] = ipaddr.parseCIDR(subnet);
  const ip = ipaddr.parse(bareAddress(address));
  return ip.kind() === base.kind() && ip.match(base, prefix);
}
