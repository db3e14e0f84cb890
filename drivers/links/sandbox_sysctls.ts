/**
 * The kernel settings of a link in a sandbox (ip-sysctl of the kernel documentation): it has what netsvc
 * gives it and believes no neighbour about routers, prefixes and better ways.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "../../lib/linux/libc.ts";

/** Settings of a link, or of all and of those to come; names under `/proc/sys/net`. */
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
 * Sets up a link of netsvc's in the namespace that the caller is in. One without an IPv6 address has no
 * IPv6; one with has it whatever holds for other links there: Docker switches it off for its own.
 */
export function setLinkSysctls(link: string, ipv6: boolean): void {
  const all = [...quietSettings(link), [`ipv6/conf/${link}/disable_ipv6`, ipv6 ? "0" : "1"]];
  for (const [name, value] of all) {
    const path = `/proc/sys/net/${name}`;
    try {
      if (readFileSync(path!).trim() !== value) writeFileSync(path, value!);
    } catch {
      // A kernel without this knob, or without IPv6.
    }
  }
}
