/**
 * Addresses of sockets from literals, and from nothing else: a name would have to be looked up, which
 * must not happen on a thread that is in a container's namespace. Sources: ip(7), ipv6(7), RFC 4007.
 *
 * @module
 */
import { cString, libc } from "../libc.ts";
import { linkIndex } from "../net/netdevice.ts";

/** Address family of IPv4 (socket(2)). */
export const AF_INET = 2;
/** Address family of IPv6 (socket(2)). */
export const AF_INET6 = 10;
/** A link's name as the kernel takes it (`dev_valid_name()`), or its index. */
const ZONE = /^(?!\.{1,2}$)[\x21-\x24\x26-\x2e\x30-\x39\x3b-\x7e]{1,15}$/;

/** An address and a port as system calls take them. */
export interface SocketAddress {
  family: typeof AF_INET | typeof AF_INET6;
  /** `sockaddr_in` or `sockaddr_in6`. */
  bytes: Uint8Array<ArrayBuffer>;
}

/**
 * The address of a literal; the zone of a link-local one is looked for among the links of the calling
 * thread's namespace. `undefined`: the text is not an address, or its link doesn't exist.
 */
export function socketAddress(literal: string, port: number): SocketAddress | undefined {
  const [address, zone, ...more] = literal.split("%") as [string, ...string[]];
  if (more.length > 0 || !/^[0-9a-fA-F:.]{2,45}$/.test(address)) return undefined;
  const family = address.includes(":") ? AF_INET6 : AF_INET;
  if (family === AF_INET && zone !== undefined) return undefined;
  const bytes = new Uint8Array(family === AF_INET6 ? 28 : 16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, family, true);
  view.setUint16(2, port);
  const at = family === AF_INET6 ? 8 : 4;
  if (libc().inet_pton(family, cString(address), bytes.subarray(at)) !== 1) return undefined;
  const linkLocal = family === AF_INET6 && bytes[8] === 0xfe && (bytes[9]! & 0xc0) === 0x80;
  if (linkLocal) {
    const index = zoneIndex(zone);
    if (index === undefined) return undefined;
    view.setUint32(24, index, true);
  }
  return { family, bytes };
}

function zoneIndex(zone: string | undefined): number | undefined {
  if (zone === undefined || !ZONE.test(zone)) return undefined;
  return linkIndex(zone) ?? (/^[1-9]\d{0,8}$/.test(zone) ? Number(zone) : undefined);
}
