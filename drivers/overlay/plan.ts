/**
 * From specifications to operations: what an overlay's namespace holds besides its
 * endpoints. Pure.
 *
 * @module
 */
import type { Join, NetworkSpec, Underlay } from "../driver.ts";
import { familyOf } from "../../lib/ip/cidr.ts";
import { canonicalAddress } from "../../lib/ip/text.ts";
import { linkAlias, linkMac, vethName } from "../links/names.ts";
import type { ObservedLink } from "../../lib/linux/net/observe.ts";
import { linksByName } from "../links/observe.ts";
import { planVeth, planVethState, type VethPlan } from "../links/plan.ts";
import { givesLinkLocal, planNoLinkLocal } from "../../lib/linux/net/addr_gen_mode.ts";
import type { AddLink, NetOp } from "../../lib/linux/net/ops.ts";
import { BRIDGE, overlayMtu, overlayOptions, TUNNEL, vniOf } from "./options.ts";

/** All that determines the shape of an overlay on this host. */
export interface OverlayShape {
  network: NetworkSpec;
  underlay: Underlay;
  /** UDP port of VXLAN. */
  port: number;
  /** Path of the namespace in which the tunnel has its UDP socket; the host's unless given. */
  socket?: string;
}

/** Operations to run, in this order. */
export interface OpeningPlan {
  /** In the overlay's namespace: removes what can't be changed. */
  remove: NetOp[];
  /** Whether the tunnel is to be made, by {@linkcode planTunnel}. */
  tunnel: boolean;
  /** In the overlay's namespace. */
  state: NetOp[];
}

/** The attributes that tell one tunnel from another. */
export interface TunnelShape {
  /** Path of the namespace that it goes to. */
  namespace: string;
  mac: string;
  vni: number;
  underlay: Underlay;
  port: number;
  /** In bytes; the kernel's choice unless given. */
  mtu?: number;
}

/**
 * Makes a tunnel in the namespace at a path. Run it in the host's namespace: its UDP socket stays there.
 */
export function planTunnelLink(
  { namespace, mac, vni, underlay, port, mtu }: TunnelShape,
): AddLink {
  // A link-local address means nothing without its link.
  const isLinkLocal = /^fe[89ab][0-9a-f]:/i.test(underlay.address);
  return {
    op: "addLink",
    name: TUNNEL,
    netns: namespace,
    mac,
    ...mtu !== undefined && { mtu },
    kind: {
      type: "vxlan",
      vni,
      local: underlay.address,
      port,
      // Peers come from the store. ARP and neighbour discovery are answered here from them.
      learning: false,
      proxy: true,
      // A checksum of zero is legal over IPv4, but NAT on the way can make a wrong one of it
      // (Linux before 5.7), and the receiver can't vouch for the inner packet by it.
      checksums: familyOf(underlay.address),
      ...isLinkLocal && { device: underlay.interface },
    },
  };
}

/** Makes an overlay's tunnel; see {@linkcode planTunnelLink}. */
export function planTunnel({ network, underlay, port }: OverlayShape, namespace: string): NetOp[] {
  return [planTunnelLink({
    namespace,
    underlay,
    port,
    mac: linkMac(network.id.slice(10)),
    vni: vniOf(network),
    mtu: overlayMtu(network, underlay),
  })];
}

/** Whether the tunnel's attributes that can't be changed while it exists are right. */
function tunnelIsRight(link: ObservedLink | undefined, shape: OverlayShape): boolean {
  const { info_kind, info_data = {} } = link?.linkinfo ?? {};
  const { id, local, local6, port, learning, proxy } = info_data;
  return info_kind === "vxlan" && id === vniOf(shape.network) && port === shape.port &&
    (local ?? local6) === canonicalAddress(shape.underlay.address) && learning === false &&
    proxy === true;
}

function isUp(link: ObservedLink | undefined, mtu: number): boolean {
  return link !== undefined && link.mtu === mtu && link.flags.includes("UP");
}

/** Brings the overlay's namespace with these `links` to its state; `undefined` when there is nothing to do. */
export function planOpening(links: ObservedLink[], shape: OverlayShape): OpeningPlan | undefined {
  const { network } = shape;
  const mtu = overlayMtu(network, shape.underlay);
  const seen = linksByName(links);
  const tunnel = seen.get(TUNNEL);
  const bridge = seen.get(BRIDGE);
  const keep = tunnelIsRight(tunnel, shape);
  const right = keep && isUp(tunnel, mtu) && isUp(bridge, mtu) && tunnel?.master === BRIDGE &&
    tunnel.linkinfo?.info_slave_data?.learning === false;
  if (right) return undefined;
  return {
    remove: tunnel && !keep ? [{ op: "deleteLink", link: TUNNEL }] : [],
    tunnel: !keep,
    state: [
      ...bridge ? [] : [planBridge(network, mtu)],
      // First: with a small MTU there is no IPv6 to configure, and the kernel refuses to.
      ...[bridge, keep ? tunnel : undefined].filter((link) => link !== undefined)
        .filter((link) => link.mtu !== mtu)
        .flatMap(({ ifname }) => planLinkMtu(ifname, mtu)),
      ...planUp(network, mtu),
    ],
  };
}

function planBridge({ id }: NetworkSpec, mtu: number): NetOp {
  // Multicast goes to all of this host's members: without a querier there is none to snoop.
  const kind = { type: "bridge" as const, snooping: false };
  return { op: "addLink", name: BRIDGE, mac: linkMac(id), mtu, kind };
}

function planUp({ id }: NetworkSpec, mtu: number): NetOp[] {
  const common = {
    op: "setLink" as const,
    alias: linkAlias(id),
    noLinkLocal: givesLinkLocal(mtu),
    up: true,
  };
  return [
    { ...common, link: BRIDGE },
    { ...common, link: TUNNEL, master: BRIDGE },
    { op: "setPort", link: TUNNEL, learning: false },
  ];
}

function planLinkMtu(link: string, mtu: number): NetOp[] {
  return [{ op: "setLink", link, mtu }, ...planNoLinkLocal(link, mtu)];
}

/**
 * Makes an endpoint's veth and puts its end here on the bridge.
 *
 * @param wanted `netns`: the sandbox's namespace, by a process in it; by its path unless given
 */
export function planPort(
  network: NetworkSpec,
  { join, mtu, netns }: { join: Join; mtu: number; netns?: string },
): VethPlan {
  const learning = overlayOptions(network.options).spoofing === "allow";
  return {
    make: planVeth(join, mtu, netns),
    state: planVethState(join, { bridge: BRIDGE, mtu, learning }),
  };
}

/** Sets the MTU of an endpoint's veth: in the overlay's namespace and in the sandbox. */
export function planMtu({ endpoint, ...join }: Join, mtu: number): [NetOp[], NetOp[]] {
  return [
    planLinkMtu(vethName(endpoint.id), mtu),
    [{ op: "setLink", link: join.interface, mtu }],
  ];
}
