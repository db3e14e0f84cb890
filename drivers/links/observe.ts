/**
 * Whether links are as they should be. Pure.
 *
 * @module
 */
import type { Join } from "../driver.ts";
import type { ObservedLink } from "../../lib/linux/net/observe.ts";

/** Links by name. */
export function linksByName<T extends { ifname: string }>(links: T[]): Map<string, T> {
  return new Map(links.map((link) => [link.ifname, link]));
}

/** Whether a link has an address, given as CIDR in canonical text. */
export function hasAddress(link: Pick<ObservedLink, "addr_info">, cidr: string): boolean {
  return link.addr_info.some(({ local, prefixlen }) => `${local}/${prefixlen}` === cidr);
}

/** Whether the host's end of a veth leads to a living end and is on a bridge. */
export function vethIsRight(
  link: Pick<ObservedLink, "master" | "operstate" | "flags"> | undefined,
  bridge: string,
): boolean {
  // The host's end is UP only while the sandbox's is UP, too. A link of an earlier version may still answer ARP.
  return link !== undefined && link.master === bridge && link.operstate === "UP" &&
    link.flags.includes("NOARP");
}

/** The attributes of the sandbox's end that are compared. */
type SandboxLink = Pick<ObservedLink, "ifname" | "address" | "flags" | "addr_info">;

/** Whether the sandbox's end of a join is there, up, and has its addresses. */
export function sandboxEndIsRight(links: SandboxLink[], join: Join): boolean {
  const link = linksByName(links).get(join.interface);
  return link?.address === join.endpoint.mac && link.flags.includes("UP") &&
    join.endpoint.addresses.every((address) => hasAddress(link, address));
}
