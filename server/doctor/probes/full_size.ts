/**
 * Computes the size of the largest packets that this host sends to other hosts.
 *
 * @module
 */
import type { Underlay } from "../../../drivers/driver.ts";
import { overlayMtu } from "../../../drivers/overlay/options.ts";
import type { Context } from "../../controllers/context.ts";
import { networkSpec } from "../../drivers/network_spec.ts";

/** Largest IP packet, in bytes. */
const MAX_PACKET = 65535;

/**
 * Size of the largest packets that overlays of this host send, or would send if it had any, in bytes with
 * the outer IP header.
 */
export function fullSize({ state, drivers }: Context, underlay: Underlay): number {
  const whole = overlayMtu({ name: "", ipv6: false, options: {} }, underlay);
  const used = [...state.networks.values()].flatMap(({ record }) => {
    const overlay = drivers.get(record.driver).capabilities.vni;
    if (!overlay || state.ownBackends(record.id).length === 0) return [];
    try {
      return [overlayMtu(networkSpec(record), underlay)];
    } catch {
      return []; // Too small for IPv6, which the check of the kernel's state reports.
    }
  });
  const largest = used.length > 0 ? Math.max(...used) : whole;
  return Math.min(largest + underlay.mtu - whole, MAX_PACKET);
}
