/**
 * Links without addresses that they would give themselves.
 *
 * @module
 */
import { closeFd, tryOpenFd } from "../libc.ts";
import { MIN_IPV6_MTU } from "./mtu.ts";
import type { NetOp } from "./ops.ts";

let hasIpv6 = true;

/** Looks once whether the kernel has IPv6: it may have been started without. */
export function lookForIpv6(): void {
  const fd = tryOpenFd("/proc/thread-self/net/if_inet6");
  hasIpv6 = fd !== undefined;
  if (fd !== undefined) closeFd(fd);
}

/**
 * Whether a link has to be kept from giving itself a link-local address; not where it can't, and where the
 * kernel would refuse to be told so.
 *
 * @param mtu that the link has by then, in bytes
 */
export function givesLinkLocal(mtu: number): boolean {
  return mtu >= MIN_IPV6_MTU && hasIpv6;
}

/** What a link needs whose MTU was changed: with a larger one it begins with IPv6 anew. */
export function planNoLinkLocal(link: string, mtu: number): NetOp[] {
  if (!givesLinkLocal(mtu)) return [];
  return [{ op: "setLink", link, noLinkLocal: true }, { op: "flushLinkLocal", link }];
}
