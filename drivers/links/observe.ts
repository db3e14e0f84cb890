/**
 * Links as the kernel shows them. Pure.
 *
 * @module
 */
import type { Join } from "../driver.ts";

/** A link, of `ip -j -d addr show`; the fields that netsvc reads. */
export interface ObservedLink {
  ifname: string;
  address?: string;
  mtu: number;
  master?: string;
  operstate: string;
  flags: string[];
  ifalias?: string;
  linkinfo?: {
    info_kind?: string;
    info_data?: Record<string, unknown>;
    info_slave_data?: Record<string, unknown>;
  };
  addr_info: { local: string; prefixlen: number; scope: string }[];
}

/** Links by name. */
export function linksByName(links: ObservedLink[]): Map<string, ObservedLink> {
  return new Map(links.filter(({ ifname }) => ifname).map((link) => [link.ifname, link]));
}

/** Whether a link has an address, given as CIDR in canonical text. */
export function hasAddress(link: ObservedLink, cidr: string): boolean {
  return link.addr_info.some(({ local, prefixlen }) => `${local}/${prefixlen}` === cidr);
}

/** Whether the host's end of a veth leads to a living end and is on a bridge. */
export function vethIsRight(link: ObservedLink | undefined, bridge: string): boolean {
  // The host's end is UP only while the sandbox's is, too.
  // One of an earlier version may still answer ARP.
  return link !== undefined && link.master === bridge && link.operstate === "UP" &&
    link.flags.includes("NOARP");
}

/** Whether the sandbox's end of a join is there, up, and has its addresses. */
export function sandboxEndIsRight(links: ObservedLink[], join: Join): boolean {
  const link = linksByName(links).get(join.interface);
  return link?.address === join.endpoint.mac && link.flags.includes("UP") &&
    join.endpoint.addresses.every((address) => hasAddress(link, address));
}
