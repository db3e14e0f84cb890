/**
 * Checks reverse path filters (RFC 3704; `rp_filter` of the kernel's ip-sysctl): strict ones drop a packet
 * that arrives on another link than the one that answers would leave by.
 *
 * @module
 */
import type { Underlay } from "../../../drivers/driver.ts";
import { readFileSync } from "../../../lib/linux/libc.ts";
import { routeTo } from "../../../lib/linux/net/observe.ts";
import type { Runner } from "../../../lib/linux/tools/runner.ts";
import type { Finding } from "../../../lib/api/types.ts";
import { findingsOf } from "../finding.ts";

const { problem } = findingsOf("underlay");
const STRICT = 1;

/** A setting of the host's namespace under `/proc/sys/net`; `undefined` when the kernel doesn't have it. */
export function netSetting(runner: Runner, name: string): string | undefined {
  try {
    return runner.within(undefined, () => readFileSync(`/proc/sys/net/${name}`)).trim();
  } catch {
    return undefined; // The kernel has no such setting.
  }
}

/** The effective filter of a link: the maximum of its own value and that of `all`; 2 (loose) beats 1. */
function filterOf(runner: Runner, link: string): number {
  const values = ["all", link].map((name) =>
    Number(netSetting(runner, `ipv4/conf/${name}/rp_filter`) ?? 0)
  );
  return Math.max(...values);
}

/** Finds a filter that drops a peer's packets because answers to the peer leave by another link. */
export async function checkReversePath(
  runner: Runner,
  { underlay, peer }: { underlay: Underlay; peer: { name: string; address?: string } },
): Promise<Finding[]> {
  const { name, address } = peer;
  // The kernel has no reverse path filter setting for IPv6.
  if (address === undefined || address.includes(":")) return [];
  if (filterOf(runner, underlay.interface) !== STRICT) return [];
  const dev = (await routeTo(runner, address).catch(() => undefined))?.dev;
  if (dev === undefined || dev === underlay.interface) return [];
  return [problem(
    `Answers to host "${name}" (${address}) leave by "${dev}", but its packets are for ` +
      `${underlay.address} on "${underlay.interface}", where the strict reverse path filter drops them`,
    `Lead ${address} by ${underlay.interface}, or loosen the filter: sysctl -w ` +
      `net.ipv4.conf.${underlay.interface}.rp_filter=2; or give the daemon --advertise ${dev}`,
  )];
}
