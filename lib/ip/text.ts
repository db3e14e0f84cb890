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

/** The bytes of an address, given with or without prefix length. */
export function addressBytes(address: string): Uint8Array {
  return Uint8Array.from(ipaddr.parse(bareAddress(address)).toByteArray());
}

/** The text of an address of 4 or 16 bytes. */
export function addressText(bytes: Uint8Array): string {
  return ipaddr.fromByteArray([...bytes]).toString();
}

/** The 16 bytes of an IPv6 address. */
export function ipv6Bytes(address: string): Uint8Array {
  return Uint8Array.from(ipaddr.IPv6.parse(address).toByteArray());
}

/** The link-local address that the kernel gives a link by its MAC: modified EUI-64 (RFC 4291, A). */
export function linkLocalOf(mac: string): string {
  const bytes = mac.split(":").map((digits) => parseInt(digits, 16));
  const id = [bytes[0]! ^ 2, ...bytes.slice(1, 3), 0xff, 0xfe, ...bytes.slice(3)];
  return new ipaddr.IPv6([0xfe, 0x80, 0, 0, 0, 0, 0, 0, ...id]).toString();
}
