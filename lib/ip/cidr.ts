/**
 * Addresses and CIDR blocks as numbers. Parsing is strict (no octal, no short forms, no zone, no
 * IPv4-mapped IPv6, no blanks): what one program reads differently from another is a hole. Text is
 * canonical: RFC 5952 for IPv6.
 *
 * @module
 */
import ipaddr from "ipaddr.js";
import { NetsvcError } from "../api/errors.ts";

/** An address family. */
export type Family = 4 | 6;

/** An address. */
export interface Ip {
  family: Family;
  value: bigint;
}

/** A block of addresses; the bits of `value` below the prefix are zero. */
export interface Cidr extends Ip {
  /** Prefix length: 0 to 32 or 128. */
  prefix: number;
}

const IPV4 = /^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/;
const IPV6 = /^[0-9a-fA-F:]+$/;

/** Bits of an address of a family. */
export function bitsOf(family: Family): number {
  return family === 4 ? 32 : 128;
}

function fromBytes(bytes: number[]): bigint {
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** An address from its text; `undefined` where the text is not an address. */
export function tryParseIp(text: string): Ip | undefined {
  if (IPV4.test(text)) {
    // By hand: the tables of a host with many networks have thousands of them.
    const bytes = text.split(".").map(Number);
    if (bytes.some((byte) => byte > 255)) return undefined;
    return { family: 4, value: BigInt(bytes.reduce((value, byte) => value * 256 + byte, 0)) };
  }
  if (!text.includes(":") || !IPV6.test(text) || !ipaddr.IPv6.isValid(text)) return undefined;
  const ip = ipaddr.IPv6.parse(text);
  return ip.isIPv4MappedAddress() ? undefined : { family: 6, value: fromBytes(ip.toByteArray()) };
}

/** An address from its text. @throws {NetsvcError} `invalid` naming it */
export function parseIp(text: string): Ip {
  const ip = tryParseIp(text);
  if (ip) return ip;
  throw new NetsvcError(
    "invalid",
    `Invalid address ${JSON.stringify(text)}; write it like 172.18.0.5 or fd00::5`,
  );
}

/** Canonical text of an address. */
export function formatIp({ family, value }: Ip): string {
  const count = bitsOf(family) / 8;
  const bytes = Array.from(
    { length: count },
    (_, i) => Number((value >> BigInt(8 * (count - 1 - i))) & 0xffn),
  );
  const ip = ipaddr.fromByteArray(bytes);
  return ip instanceof ipaddr.IPv6 ? ip.toRFC5952String() : ip.toString();
}

/** Family of an address given in valid text. */
export function familyOf(text: string): Family {
  return text.includes(":") ? 6 : 4;
}

function hostMask(family: Family, prefix: number): bigint {
  return (1n << BigInt(bitsOf(family) - prefix)) - 1n;
}

/** A block from an address and a prefix length; host bits are cut. */
export function makeCidr({ family, value }: Ip, prefix: number): Cidr {
  return { family, prefix, value: value & ~hostMask(family, prefix) };
}

/** A block and the address it was written with. @throws {NetsvcError} `invalid` naming it */
export function parseCidrAddress(text: string): { cidr: Cidr; address: Ip } {
  const [, base, length] = text.match(/^([^/]+)\/(0|[1-9]\d{0,2})$/) ?? [];
  const ip = base === undefined ? undefined : tryParseIp(base);
  const prefix = Number(length);
  if (!ip || prefix > bitsOf(ip.family)) {
    throw new NetsvcError(
      "invalid",
      `Invalid CIDR ${JSON.stringify(text)}; write it like 172.18.0.0/20 or fd00:1::/64`,
    );
  }
  return { cidr: makeCidr(ip, prefix), address: ip };
}

/** A block from text whose host bits are zero. @throws {NetsvcError} `invalid`, saying the right one */
export function parseCidr(text: string): Cidr {
  const { cidr, address } = parseCidrAddress(text);
  if (cidr.value === address.value) return cidr;
  throw new NetsvcError(
    "invalid",
    `Invalid CIDR "${text}": it has host bits set; did you mean ${formatCidr(cidr)}?`,
  );
}

/** Canonical text of a block. */
export function formatCidr(cidr: Cidr): string {
  return `${formatIp(cidr)}/${cidr.prefix}`;
}

/** First address of a block: in a subnet, the network's own. */
export function firstIp(cidr: Cidr): Ip {
  return { family: cidr.family, value: cidr.value };
}

/** Last address of a block: in an IPv4 subnet, the broadcast address. */
export function lastIp(cidr: Cidr): Ip {
  return { family: cidr.family, value: cidr.value | hostMask(cidr.family, cidr.prefix) };
}

/** Number of addresses of a block. */
export function cidrSize(cidr: Cidr): bigint {
  return hostMask(cidr.family, cidr.prefix) + 1n;
}

/** Whether `inner` (a block or an address) lies inside `outer`. */
export function cidrContains(outer: Cidr, inner: Ip | Cidr): boolean {
  const prefix = "prefix" in inner ? inner.prefix : bitsOf(inner.family);
  return outer.family === inner.family && outer.prefix <= prefix &&
    (inner.value & ~hostMask(outer.family, outer.prefix)) === outer.value;
}

/** Whether two blocks share an address. */
export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  return cidrContains(a, b) || cidrContains(b, a);
}

/**
 * Blocks whose addresses don't name a host to others: the unspecified address, loopback, IPv4's link-local
 * addresses, multicast groups and the broadcast; IPv4 addresses embedded in IPv6, those of translators
 * included (RFC 6890).
 */
const NO_HOSTS = [
  ...["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32"],
  ...["::/96", "::ffff:0:0/96", "64:ff9b::/96", "ff00::/8"],
].map(blockOf);

function blockOf(text: string): Cidr {
  const [base, prefix] = text.split("/") as [string, string];
  const bytes = ipaddr.parse(base).toByteArray();
  return makeCidr({ family: bytes.length === 4 ? 4 : 6, value: fromBytes(bytes) }, Number(prefix));
}

const LINK_LOCAL4 = blockOf("169.254.0.0/16");

/**
 * Whether a container's link could have an address in a subnet of this prefix length, judged by the address
 * alone: not loopback or unspecified, nor a group, nor the first or last of an IPv4 subnet, unless that is a /31
 * or /32, which have hosts only (RFC 3021).
 */
export function isLinkAddress({ cidr, address }: { cidr: Cidr; address: Ip }): boolean {
  if (!isHostIp(address) && !cidrContains(LINK_LOCAL4, address)) return false;
  if (cidr.family === 6 || cidr.prefix > 30) return true;
  return address.value !== firstIp(cidr).value && address.value !== lastIp(cidr).value;
}

/** Whether other hosts could reach a host by an address, judged by the address alone. */
export function isHostIp(ip: Ip): boolean {
  return !NO_HOSTS.some((block) => cidrContains(block, ip));
}
