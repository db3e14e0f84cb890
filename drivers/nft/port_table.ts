/**
 * The table that restricts every port of a bridge to its endpoint: frames that come in by it must have the
 * endpoint's MAC and its addresses, in the frame itself, in ARP (RFC 826) and in neighbour discovery (RFC 4861),
 * and must not be from a router or a DHCP server. Pure.
 *
 * It is in the bridge's namespace, out of the container's reach. A port without elements yet is blocked, so that
 * the elements may be added while its link is being made.
 *
 * @module
 */
import type { EndpointSpec } from "../driver.ts";
import { bareAddress, canonicalAddress, ipv6Bytes, linkLocalOf } from "../../lib/ip/text.ts";
import { VETH_PREFIX, vethName } from "../links/names.ts";
import type { Elements, TableSpec } from "./table.ts";

/**
 * The type of an ICMPv6 message. Not `icmpv6 type`, for which nft also checks the type of the frame: with a VLAN
 * tag that is the tag's type, and the receiver strips a priority tag (CVE-2021-27861).
 */
const ICMP6 = "meta l4proto ipv6-icmp @th,0,8";
const ROUTER_ADVERT = 134;
const NEIGHBOR_ADVERT = 136;
const REDIRECT = 137;

/** The ports of endpoints are `nsv…`; all others, such as an overlay's tunnel, aren't checked. */
const OTHERS = `iifname != "${VETH_PREFIX}*" accept`;

/** The table for bridges where nearly all packets come in by ports of endpoints. */
export const PORT_TABLE: TableSpec = {
  name: "bridge netsvc",
  sets: {
    /** Ports whose networks let containers send what they like. */
    free: "type ifname;",
    /** Ports of networks without IPv6. */
    only4: "type ifname;",
    senders: "type ifname . ether_addr;",
    senders4: "type ifname . ether_addr . ipv4_addr;",
    senders6: "type ifname . ether_addr . ipv6_addr;",
    /** Addresses that a port may claim as its own: the target of an advertisement. */
    own6: "typeof iifname . @th,64,128;",
  },
  maps: {},
  quoted: ["free", "only4", "senders", "senders4", "senders6", "own6"],
  chains: {
    ports: {
      hook: "type filter hook prerouting priority -300; policy accept;",
      rules: [
        // Nearly all packets match one of these two, by one look-up each.
        "iifname . ether saddr . ip saddr @senders4 goto own_packets4",
        "iifname . ether saddr . ip6 saddr @senders6 goto own_packets6",
        OTHERS,
        "iifname @free accept",
        "iifname . ether saddr != @senders drop",
        // Duplicate address detection: otherwise a container could claim that an address is taken before its owner
        // uses it.
        "ip6 saddr :: icmpv6 type nd-neighbor-solicit iifname . @th,64,128 @own6 accept",
        "ip6 saddr :: icmpv6 type { nd-router-solicit, mld-listener-report, mld-listener-done, " +
        "mld2-listener-report } accept",
        "iifname . arp saddr ether . arp saddr ip @senders4 accept",
        // A probe (RFC 5227, 2.1.1) claims no sender address.
        "arp operation request arp saddr ip 0.0.0.0 accept",
        "ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept",
        "ip saddr 0.0.0.0 ip protocol igmp accept",
        "drop",
      ],
    },
    // Containers may not be servers of DHCP (RFC 2131, 4.1; RFC 8415, 7.2) or routers. Nearly all packets match the
    // first rule: the port number is checked before the protocol.
    own_packets4: { hook: "", rules: ["@th,0,16 != 67 accept", "udp sport 67 drop", "accept"] },
    own_packets6: {
      hook: "",
      rules: [
        "meta l4proto tcp accept",
        "udp sport != 547 accept",
        // On a network without IPv6 no container listens to routers.
        `iifname != @only4 ${ICMP6} { ${ROUTER_ADVERT}, ${REDIRECT} } drop`,
        `${ICMP6} != ${NEIGHBOR_ADVERT} accept`,
        `${ICMP6} ${NEIGHBOR_ADVERT} iifname . @th,64,128 @own6 accept`,
        // The first fragment of a packet has to show what the packet is (RFC 7112), and is checked.
        "frag frag-off != 0 accept",
        "meta l4proto { udp, ipv6-icmp } drop",
        "meta l4proto != 255 accept",
        "drop",
      ],
    },
  },
};

/**
 * The same for overlays, where half of all packets come in by the tunnel: these skip look-ups that would find
 * nothing.
 */
export const TUNNELLED_PORT_TABLE: TableSpec = {
  ...PORT_TABLE,
  chains: {
    ...PORT_TABLE.chains,
    ports: {
      ...PORT_TABLE.chains.ports!,
      rules: [OTHERS, ...PORT_TABLE.chains.ports!.rules.filter((rule) => rule !== OTHERS)],
    },
  },
};

/**
 * The elements of an endpoint's port.
 *
 * @param free whether its network lets containers send what they like
 * @param ipv6 whether its network has IPv6
 */
export function portsOf(
  { id, mac, addresses }: EndpointSpec,
  { free, ipv6 }: { free: boolean; ipv6: boolean },
): Partial<Elements> {
  const port = `"${vethName(id)}"`;
  if (free) return { free: new Set([port]) };
  const bare = addresses.map((address) => canonicalAddress(bareAddress(address)));
  const six = [...bare.filter((address) => address.includes(":")), linkLocalOf(mac)];
  return {
    senders: new Set([`${port} . ${mac}`]),
    senders4: new Set(
      bare.filter((address) => !address.includes(":")).map((a) => `${port} . ${mac} . ${a}`),
    ),
    senders6: new Set(six.map((address) => `${port} . ${mac} . ${address}`)),
    own6: new Set(six.map((address) => `${port} . 0x${ipv6Bytes(address).toHex()}`)),
    ...!ipv6 && { only4: new Set([port]) },
  };
}
