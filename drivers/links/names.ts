/**
 * The kernel names that are derived from ids. Pure.
 *
 * @module
 */

/** Prefix of the names of veths' host ends; with 12 digits of an id, 15 bytes (IFNAMSIZ). */
export const VETH_PREFIX = "nsv";

/** Prefix of the names of bridges; with 12 digits of an id, 15 bytes. */
export const BRIDGE_PREFIX = "nsb";

/**
 * Whether only netsvc gives such a name: judged by the prefix alone, so that callers leave other owners' links
 * alone.
 */
export function isOwnName(name: string): boolean {
  return name.startsWith(VETH_PREFIX) || name.startsWith(BRIDGE_PREFIX);
}

/** Name of the host end of an endpoint's veth. */
export function vethName(endpoint: string): string {
  return `${VETH_PREFIX}${endpoint.slice(0, 12)}`;
}

/** The explicit, locally administered MAC of a link of netsvc's, so that no other program picks or changes it. */
export function linkMac(id: string): string {
  return ["0a", ...id.slice(0, 10).match(/../g)!].join(":");
}

/** The alias of a link: it says that the link is netsvc's, and what it belongs to. */
export function linkAlias(id: string): string {
  return `netsvc:${id}`;
}
