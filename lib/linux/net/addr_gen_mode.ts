/**
 * Disables the generation of IPv6 link-local addresses on a link.
 *
 * @module
 */
import { closeFd, tryOpenFd } from "../libc.ts";
import { MIN_IPV6_MTU } from "./mtu.ts";
import type { NetOp } from "./ops.ts";

let hasIpv6 = true;

/** Checks once whether the kernel has IPv6: it may have been booted without. */
export function lookForIpv6(): void {
  const fd = tryOpenFd("/proc/thread-self/net/if_inet6");
  hasIpv6 = fd !== undefined;
  if (fd !== undefined) closeFd(fd);
}

/**
 * Whether link-local address generation has to be disabled on a link; not on links that can't have IPv6, where
 * the kernel would refuse the setting.
 *
 * @param mtu that the link has by then, in bytes
 */
export function givesLinkLocal(mtu: number): boolean {
  return mtu >= MIN_IPV6_MTU && hasIpv6;
}

/** Operations after a change of a link's MTU: from 1280 bytes on the kernel starts IPv6 on it anew. */
export function planNoLinkLocal(link: string, mtu: number): NetOp[] {
  if (!givesLinkLocal(mtu)) return [];
  return [{ op: "setLink", link, noLinkLocal: true }, { op: "flushLinkLocal", link }];
}
