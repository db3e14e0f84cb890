/**
 * The kernel settings of a link in a sandbox (ip-sysctl of the kernel documentation): the link has only what netsvc
 * gives it and ignores neighbours' router advertisements, prefixes and redirects.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "../../lib/linux/libc.ts";

/** Settings of one link, of `all` or of `default`; names under `/proc/sys/net`. */
export function quietSettings(link: string): [name: string, value: string][] {
  return [
    [`ipv6/conf/${link}/accept_ra`, "0"],
    [`ipv6/conf/${link}/autoconf`, "0"],
    [`ipv6/conf/${link}/accept_redirects`, "0"],
    [`ipv4/conf/${link}/accept_redirects`, "0"],
    [`ipv4/conf/${link}/secure_redirects`, "0"],
  ];
}

/**
 * Configures a link of netsvc's in the caller's current namespace. A link without an IPv6 address gets IPv6
 * switched off; one with such an address has IPv6 whatever holds for other links there: Docker switches it off for
 * its own.
 */
export function setLinkSysctls(link: string, ipv6: boolean): void {
  const all = [...quietSettings(link), [`ipv6/conf/${link}/disable_ipv6`, ipv6 ? "0" : "1"]];
  for (const [name, value] of all) {
    const path = `/proc/sys/net/${name}`;
    try {
      if (readFileSync(path!).trim() !== value) writeFileSync(path, value!);
    } catch {
      // The kernel doesn't have this setting, or no IPv6.
    }
  }
}
