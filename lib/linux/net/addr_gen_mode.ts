/**
 * Links without addresses that they would give themselves.
 *
 * @module
 */
import { closeFd, tryOpenFd } from "../libc.ts";
import { MIN_IPV6_MTU } from "./mtu.ts";

let hasIpv6 = true;

/** Looks once whether the kernel has IPv6: it may have been started without. */
export function lookForIpv6(): void {
  const fd = tryOpenFd("/proc/thread-self/net/if_inet6");
  hasIpv6 = fd !== undefined;
  if (fd !== undefined) closeFd(fd);
}

/**
 * Words of ip-link(8) that keep a link from giving itself a link-local address; none where it can't, and
 * where the kernel would refuse them.
 *
 * @param mtu that the link has by then, in bytes
 */
export function quiet(mtu: number): string {
  return mtu >= MIN_IPV6_MTU && hasIpv6 ? " addrgenmode none" : "";
}

/** Lines of ip-batch(8) for a link whose MTU was changed: with a larger one it begins with IPv6 anew. */
export function quietAgain(name: string, mtu: number): string[] {
  const words = quiet(mtu);
  if (words === "") return [];
  return [`link set dev ${name}${words}`, `addr flush dev ${name} scope link`];
}
