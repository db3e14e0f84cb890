/**
 * The MTU of a host's tunnel. Pure.
 *
 * @module
 */
import type { Underlay } from "../../driver.ts";
import { familyOf } from "../../../lib/ip/cidr.ts";

/** What WireGuard adds to a packet, in bytes: its header and tag, UDP's and IP's headers. */
const OVERHEAD = { 4: 32 + 8 + 20, 6: 32 + 8 + 40 };
/** The largest that a device takes, in bytes. */
const LARGEST = 65_420;
/** The MTU that `wireguard-go` knows, in bytes: it doesn't see another when its link has moved to a namespace. */
const ITS_MTU = 1420;
/** WireGuard fills packets up to a multiple of this, in bytes. */
const UNIT = 16;

/**
 * What encryption leaves of the underlay's MTU, in bytes, the filling of packets included: `wireguard-go` fills what is
 * larger than the MTU that it knows by the rest, and all packets beyond the MTU that it doesn't. The kernel's device
 * stops at its own MTU; it gets the same, since hosts of both kinds are on one network.
 *
 * @param endpoints of the peers: one of IPv6 has the larger header
 */
export function tunnelMtu(
  { address, mtu }: Pick<Underlay, "address" | "mtu">,
  endpoints: string[] = [],
): number {
  const six = familyOf(address) === 6 || endpoints.some((endpoint) => endpoint.startsWith("["));
  const room = Math.min(mtu - OVERHEAD[six ? 6 : 4], LARGEST);
  const whole = room - room % ITS_MTU;
  return whole + Math.floor((room - whole) / UNIT) * UNIT;
}
