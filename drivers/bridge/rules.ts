/**
 * The content of netsvc's nftables table in the host's namespace, as values. Pure.
 *
 * @module
 */
import type { PublishedPort } from "../../lib/api/types.ts";
import type { DesiredNetwork, Join, NetworkSpec } from "../driver.ts";
import { VETH_PREFIX } from "../links/names.ts";
import { portsOf } from "../nft/port_table.ts";
import { type Elements, merged, type TableSpec } from "../nft/table.ts";
import { bridgeOptions } from "./options.ts";

const DNAT = [
  "fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @ports4_at",
  "fib daddr type local dnat ip6 to ip6 daddr . meta l4proto . th dport map @ports6_at",
  "fib daddr type local dnat ip to meta l4proto . th dport map @ports4",
  "fib daddr type local dnat ip6 to meta l4proto . th dport map @ports6",
];

/**
 * The first byte of an IPv4 address, the first four of an IPv6 one. `ip saddr` would check the address family
 * again and again; where these stand it is already known.
 */
const SOURCE4 = "@nh,96,8";
const DESTINATION4 = "@nh,128,8";
const SOURCE6 = "@nh,64,32";
const DESTINATION6 = "@nh,192,32";

/**
 * Protocols that carry packets or frames of their own (IP in IP, 6in4, GRE, ESP, AH, EtherIP, IPComp, L2TP, MPLS):
 * what a tunnel of the host unpacks would come in by the tunnel's link, past all rules for containers.
 */
const TUNNELS = "{ 4, 41, 47, 50, 51, 97, 108, 115, 137 }";

/** The table of the host. */
export const HOST_TABLE: TableSpec = {
  name: "inet netsvc",
  sets: {
    bridges: "type ifname;",
    /** Bridge pairs (a bridge with itself) whose containers may reach each other. */
    same: "type ifname . ifname;",
    open: "type ifname;",
    /** Bridges whose containers reach neither the host nor anything beyond it. */
    internal: "type ifname;",
    /** Bridges whose containers reach what is beyond the host but nothing on it, not even published ports. */
    host_deny: "type ifname;",
    /** Bridges whose containers reach only published ports on the host. */
    host_ports: "type ifname;",
    /** Protocols and ports that are published on the host. */
    published: "type inet_proto . inet_service;",
    /** Families that the host forwards for netsvc alone. */
    ours: "type nf_proto;",
    /** Bridges of other owners, and each one's pair with itself: br_netfilter shows bridged packets here, too. */
    others: "type ifname;",
    bridged: "type ifname . ifname;",
    /** VNIs of netsvc's overlays: other programs may have VXLANs at the same port. */
    vnis: "typeof @th,96,24;",
    /** Those of encrypted ones, none of whose packets are for the host. */
    encrypted: "typeof @th,96,24;",
    /** UDP ports of VXLAN, and the hosts that may send to them. */
    vxlan: "type inet_service;",
    vteps4: "type ipv4_addr;",
    vteps6: "type ipv6_addr;",
    /** Endpoints of the store, which containers may not reach. */
    store4: "type ipv4_addr . inet_service;",
    store6: "type ipv6_addr . inet_service;",
    store_ports: "type inet_service;",
    masquerade4: "type ipv4_addr; flags interval;",
    masquerade6: "type ipv6_addr; flags interval;",
    hairpin4: "type ipv4_addr . ipv4_addr; flags interval;",
    hairpin6: "type ipv6_addr . ipv6_addr; flags interval;",
  },
  maps: {
    ports4: "type inet_proto . inet_service : ipv4_addr . inet_service;",
    ports6: "type inet_proto . inet_service : ipv6_addr . inet_service;",
    ports4_at: "type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service;",
    ports6_at: "type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service;",
  },
  quoted: ["bridges", "others", "bridged", "same", "open", "internal", "host_deny", "host_ports"],
  chains: {
    // Loopback addresses belong to no link (RFC 1122, 3.2.1.3; RFC 4291, 2.5.3). The bridges route them, for
    // published ports, so the kernel doesn't drop them there (CVE-2020-8558), and it doesn't check a translated
    // packet again.
    guard: {
      hook: "type filter hook prerouting priority raw; policy accept;",
      rules: [
        // Frames to the reserved addresses of bridges (IEEE 802.1Q, 8.6.3), LLDP's for one, go up by the port
        // itself, past the rules of the bridge. No legitimate traffic does.
        `iifname "${VETH_PREFIX}*" drop`,
        // Every packet of the host comes here, and with br_netfilter those between containers too: a test of a few
        // bytes rules out nearly all of them, and the rest go to chains of their own.
        "meta nfproto ipv6 goto guard6",
        `${DESTINATION4} 127 jump loopback`,
        `${SOURCE4} 127 jump loopback`,
        "tcp dport @store_ports goto store",
      ],
    },
    guard6: {
      hook: "",
      rules: [
        `${DESTINATION6} 0 ip6 daddr { ::1, ::ffff:127.0.0.0/104 } jump loopback`,
        `${SOURCE6} 0 ip6 saddr { ::1, ::ffff:0.0.0.0/96 } jump loopback`,
        "tcp dport @store_ports goto store",
      ],
    },
    // A VRF passes its own loopback packets back itself.
    loopback: { hook: "", rules: ['iifname "lo" return', 'meta iifkind "vrf" return', "drop"] },
    store: {
      hook: "",
      rules: [
        "iifname != @bridges return",
        "ip daddr . th dport @store4 drop",
        "ip6 daddr . th dport @store6 drop",
        "fib daddr type local drop",
      ],
    },
    prerouting: {
      hook: "type nat hook prerouting priority dstnat; policy accept;",
      rules: [
        "ip daddr 127.0.0.0/8 return",
        "iifname @internal return",
        "iifname @host_deny return",
        // The kernel can't forward packets of such a client: the daemon relays them.
        "ip6 saddr fe80::/10 return",
        ...DNAT,
      ],
    },
    output: {
      hook: "type nat hook output priority -100; policy accept;",
      // Nor can it forward ::1 (IPv6 has no route_localnet).
      rules: ["ip6 daddr { ::1, fe80::/10 } return", ...DNAT],
    },
    input: {
      hook: "type filter hook input priority filter; policy accept;",
      rules: [
        // A packet outside its connection's window, or of no connection, isn't translated, so the host would answer
        // it with a reset in place of the container.
        'iifname != "lo" meta l4proto tcp ct state invalid drop',
        // Not from a tunnel: those end in a namespace of their own.
        "udp dport @vxlan @th,96,24 @encrypted counter drop",
        // The VXLAN device accepts packets from any sender.
        "udp dport @vxlan @th,96,24 @vnis ip saddr != @vteps4 drop",
        "udp dport @vxlan @th,96,24 @vnis ip6 saddr != @vteps6 drop",
        "iifname != @bridges return",
        `meta l4proto ${TUNNELS} drop`,
        "udp dport @vxlan drop",
        "ct state established,related return",
        "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } return",
        "iifname @internal drop",
        "iifname @host_deny drop",
        "iifname @host_ports meta l4proto . th dport @published return",
        "iifname @host_ports drop",
      ],
    },
    forward: {
      hook: "type filter hook forward priority filter; policy accept;",
      rules: [
        "iifname @bridges goto own_forward",
        "oifname @bridges goto own_forward",
        "meta nfproto != @ours return",
        "iifname . oifname @bridged return",
        // A bridge that netsvc hasn't seen yet.
        'iifname != @others meta iifkind "bridge" meta oifkind "bridge" return',
        "drop",
      ],
    },
    own_forward: {
      hook: "",
      rules: [
        "iifname . oifname @same accept",
        "iifname @internal drop",
        "oifname @internal drop",
        // Untranslated, the packet would leave under a container's own address.
        "ct state invalid ip saddr @masquerade4 drop",
        "ct state invalid ip6 saddr @masquerade6 drop",
        // No container may send into an overlay by way of a host, this one or another.
        "iifname @bridges oifname != @bridges udp dport @vxlan drop",
        "ct state established,related accept",
        // Nor through a tunnel: a host of the cluster would attribute the packet to this host.
        `iifname @bridges oifname != @bridges meta l4proto ${TUNNELS} ip daddr @vteps4 drop`,
        `iifname @bridges oifname != @bridges meta l4proto ${TUNNELS} ip6 daddr @vteps6 drop`,
        "ct status dnat accept",
        "iifname @open oifname @open accept",
        // What is not published can't be reached, from another network or by a route from outside.
        "oifname @bridges drop",
      ],
    },
    postrouting: {
      hook: "type nat hook postrouting priority srcnat; policy accept;",
      rules: [
        // By address, not by link: what br_netfilter hands over here has no incoming link.
        "ct status dnat ip saddr . ip daddr @hairpin4 masquerade",
        "ct status dnat ip6 saddr . ip6 daddr @hairpin6 masquerade",
        // A client that comes to a published port from another network's subnet (the host by that network's gateway
        // included) may be on the container's own link there: the answer would bypass this host.
        "ct status dnat ip saddr @masquerade4 oifname @bridges masquerade",
        "ct status dnat ip6 saddr @masquerade6 oifname @bridges masquerade",
        "ip saddr 127.0.0.0/8 oifname @bridges masquerade",
        "ip saddr @masquerade4 oifname != @bridges masquerade",
        "ip6 saddr @masquerade6 oifname != @bridges masquerade",
      ],
    },
  },
};

/** The elements of a network. */
export function networkElements(network: NetworkSpec): Partial<Elements> {
  const { name, icc, isolation, masquerade, hostAccess } = bridgeOptions(network);
  const link = new Set([`"${name}"`]);
  const outward = network.internal ? [] : network.pools;
  const subnets = (family: 4 | 6) =>
    outward.filter((pool) => pool.family === family).map(({ subnet }) => subnet);
  const pairs = (family: 4 | 6) =>
    new Set(subnets(family).map((subnet) => `${subnet} . ${subnet}`));
  return {
    bridges: link,
    ...icc && { same: new Set([`"${name}" . "${name}"`]) },
    ...!isolation && { open: link },
    ...network.internal && { internal: link },
    ...hostAccess === "deny" && { host_deny: link },
    ...hostAccess === "ports" && { host_ports: link },
    hairpin4: pairs(4),
    hairpin6: pairs(6),
    ...masquerade && { masquerade4: new Set(subnets(4)), masquerade6: new Set(subnets(6)) },
  };
}

/** The elements of one published port that leads to these addresses. */
function onePort(port: PublishedPort, addresses: string[]): Partial<Elements> {
  const { hostIp, hostPort, containerPort, protocol } = port;
  const elements: Elements = {
    ports4: new Set(),
    ports6: new Set(),
    ports4_at: new Set(),
    ports6_at: new Set(),
    published: new Set([`${protocol} . ${hostPort}`]),
  };
  for (const address of addresses) {
    const v6 = address.includes(":");
    if (hostIp !== undefined && hostIp.includes(":") !== v6) continue;
    const everywhere = hostIp === undefined || hostIp === "0.0.0.0" || hostIp === "::";
    const to = `${protocol} . ${hostPort} : ${address} . ${containerPort}`;
    if (everywhere) elements[v6 ? "ports6" : "ports4"]!.add(to);
    else elements[v6 ? "ports6_at" : "ports4_at"]!.add(`${hostIp} . ${to}`);
  }
  return elements;
}

/** The elements of an endpoint's published ports. */
export function portElements(network: NetworkSpec, join: Join): Partial<Elements> {
  const { hostIp } = bridgeOptions(network);
  const addresses = join.endpoint.addresses.map((address) => address.split("/")[0]!);
  const ports = network.internal ? [] : join.ports;
  return merged(
    ports.map((port) => onePort({ ...hostIp !== undefined && { hostIp }, ...port }, addresses)),
  );
}

/** The ports of the host that an endpoint publishes. */
export function publishedElements(network: NetworkSpec, join: Join): Set<string> {
  return portElements(network, join).published ?? new Set();
}

/** The elements that bind an endpoint's bridge port to its addresses. */
function ownElements(network: NetworkSpec, { endpoint }: Join): Partial<Elements> {
  const { spoofing } = bridgeOptions(network);
  return portsOf(endpoint, { free: spoofing, ipv6: network.ipv6 });
}

/** All elements that must be in the tables before an endpoint joins. */
export function joinElements(network: NetworkSpec, join: Join): Partial<Elements> {
  return merged([networkElements(network), leaveElements(network, join)]);
}

/** The elements that are removed when an endpoint leaves. */
export function leaveElements(network: NetworkSpec, join: Join): Partial<Elements> {
  return merged([portElements(network, join), ownElements(network, join)]);
}

/** The elements of all networks and ports. */
export function allElements(desired: DesiredNetwork[]): Partial<Elements> {
  return merged(desired.flatMap(({ network, joins }) => [
    networkElements(network),
    ...joins.map((join) => leaveElements(network, join)),
  ]));
}
