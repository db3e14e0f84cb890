/**
 * The kernel names that follow from ids. Pure.
 *
 * @module
 */

/** Prefix of the names of veths' host ends; with 12 digits of an id, 15 bytes (IFNAMSIZ). */
export const VETH_PREFIX = "nsv";

/** Prefix of the names of bridges; with 12 digits of an id, 15 bytes. */
export const BRIDGE_PREFIX = "nsb";

/** Whether a name is one that only netsvc gives: by its prefix alone, for whoever leaves others' links alone. */
export function isOwnName(name: string): boolean {
  return name.startsWith(VETH_PREFIX) || name.startsWith(BRIDGE_PREFIX);
}

/** Name of the host end of an endpoint's veth. */
export function vethName(endpoint: string): string {
  return `${VETH_PREFIX}${endpoint.slice(0, 12)}`;
}

/** Explicit MAC of a link of ours, so that nothing else picks or changes it: locally administered. */
export function linkMac(id: string): string {
  return ["0a", ...id.slice(0, 10).match(/../g)!].join(":");
}

/** What a link's alias says: it is netsvc's, and whose. */
export function linkAlias(id: string): string {
  return `netsvc:${id}`;
}
