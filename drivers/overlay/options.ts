/**
 * Options of overlay networks, and the kernel names of their parts. Pure.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import type { NetworkSpec, Underlay } from "../driver.ts";
import { familyOf } from "../../lib/ip/cidr.ts";
import { MIN_IPV6_MTU } from "../../lib/linux/net/mtu.ts";
import {
  booleanOption,
  COMMON_OPTIONS,
  integerOption,
  readOptions,
  wordOption,
} from "../options.ts";

/** Largest VXLAN network identifier: 24 bits (RFC 7348, 5). */
export const MAX_VNI = 2 ** 24 - 1;
/** Name of the VXLAN device inside an overlay's namespace. */
export const TUNNEL = "vxlan0";
/** Name of the bridge inside an overlay's namespace. */
export const BRIDGE = "br0";
/** What VXLAN adds to a packet, in bytes: inner Ethernet, VXLAN and UDP header, outer IP header. */
const OVERHEAD = { 4: 14 + 8 + 8 + 20, 6: 14 + 8 + 8 + 40 };

const READERS = {
  ...COMMON_OPTIONS,
  vni: integerOption(1, MAX_VNI),
  mtu: integerOption(68, 65535),
  checksum_offload: booleanOption,
  spoofing: wordOption("deny", "allow"),
  // Docker's command line gives it without a value.
  encrypted: (key: string, value: string) => value === "" || booleanOption(key, value),
};

const ALIASES = {
  "com.docker.network.driver.overlay.vxlanid_list": "vni",
  "com.docker.network.driver.mtu": "mtu",
};

/** Options as their user gave them. */
export interface OverlayOptions {
  /** The VNI that the user asked for; the network's own is {@linkcode NetworkSpec.vni}. */
  vni?: number;
  /** In bytes: no link of the network is larger. */
  mtu?: number;
  /** `false`: checksums are computed before encapsulation, not left to the network card. */
  checksum_offload?: boolean;
  /** Containers may send from other MACs and addresses than theirs, and be routers and DHCP servers. */
  spoofing?: "deny" | "allow";
  /** Hosts exchange its packets by WireGuard. Records without it are of networks that aren't encrypted. */
  encrypted?: boolean;
}

/** Reads a network's options. @throws {NetsvcError} `invalid` */
export function overlayOptions(options: Record<string, string>): OverlayOptions {
  return readOptions(options, { driver: "overlay", readers: READERS, aliases: ALIASES });
}

/** Whether a network's packets are encrypted between hosts. */
export function isEncrypted({ options }: Pick<NetworkSpec, "options">): boolean {
  return overlayOptions(options).encrypted === true;
}

/** The network's VNI. @throws {NetsvcError} `invalid` when it has none */
export function vniOf(network: NetworkSpec): number {
  const vni = network.vni ?? overlayOptions(network.options).vni;
  if (vni !== undefined) return vni;
  throw new NetsvcError(
    "invalid",
    `The overlay network "${network.name}" has no VNI; give it one with -o vni=`,
  );
}

/**
 * MTU of all links of a network, in bytes: what encapsulation leaves of the underlay's, or the user's if that is
 * smaller.
 *
 * @throws {NetsvcError} `invalid` when it is too small for IPv6
 */
export function overlayMtu(
  network: Pick<NetworkSpec, "name" | "ipv6" | "options">,
  underlay: Underlay,
): number {
  const room = underlay.mtu - OVERHEAD[familyOf(underlay.address)];
  const mtu = Math.min(overlayOptions(network.options).mtu ?? room, room);
  if (network.ipv6 && mtu < MIN_IPV6_MTU) {
    const link = underlay.below ?? underlay;
    throw new NetsvcError(
      "invalid",
      `The overlay network "${network.name}" has an MTU of ${mtu}, but IPv6 needs at least ` +
        `${MIN_IPV6_MTU}; raise that of "${link.interface}" (${link.mtu}) or the option mtu`,
    );
  }
  return mtu;
}

/** What tells an overlay's namespace from a container's: `overlay-` and 12 digits of the id. */
export const NAMESPACE_ID = /^overlay-[0-9a-f]{12}$/;

/** Id of a network's namespace on each host. */
export function namespaceId(network: string): string {
  return `overlay-${network.slice(0, 12)}`;
}
