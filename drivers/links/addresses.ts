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

/** The prefix length of a CIDR. */
export function prefixLength(cidr: string): string {
  return cidr.slice(cidr.indexOf("/") + 1);
}

/** 4 or 6. */
export function familyOf(text: string): 4 | 6 {
  return text.includes(":") ? 6 : 4;
}

/** An address as the kernel writes it (RFC 5952). */
export function canonicalAddress(text: string): string {
  return ipaddr.parse(text).toString();
}

/** A subnet as the kernel writes it, with its host bits zero. */
export function canonicalSubnet(cidr: string): string {
  const [ip, length] = ipaddr.parseCIDR(cidr);
  const Family = ip.kind() === "ipv4" ? ipaddr.IPv4 : ipaddr.IPv6;
  return `${Family.networkAddressFromCIDR(cidr)}/${length}`;
}

/** Whether a subnet holds an address; both as text, the address with or without prefix length. */
export function subnetHolds(subnet: string, address: string): boolean {
  const [base, prefix] = ipaddr.parseCIDR(subnet);
  const ip = ipaddr.parse(bareAddress(address));
  return ip.kind() === base.kind() && ip.match(base, prefix);
}
