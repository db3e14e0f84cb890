/**
 * The kernel's entries for endpoints on other hosts, as values: those that should exist, those that do, and the
 * operations that turn one into the other. Pure.
 *
 * The tunnel forwards by its own table (MAC to VTEP); the bridge by a static entry, since an unknown
 * MAC would be flooded to every container; and the tunnel answers ARP and neighbour discovery from
 * the neighbour table.
 *
 * @module
 */
import type { EndpointSpec, Peer } from "../driver.ts";
import { familyOf } from "../../lib/ip/cidr.ts";
import { bareAddress, canonicalAddress } from "../../lib/ip/text.ts";
import type { ObservedForward, ObservedNeighbour } from "../../lib/linux/net/observe.ts";
import type { ForwardOp, NeighbourOp } from "../../lib/linux/net/ops.ts";
import { TUNNEL } from "./options.ts";

/** The entries of one overlay on one host. */
export interface PeerTable {
  /** VTEPs by MAC; more than one only where another program added some. */
  tunnel: Map<string, string[]>;
  /** MACs that the bridge knows to be behind the tunnel. */
  bridge: Set<string>;
  /** MACs by IP address. */
  neighbours: Map<string, string>;
}

/** Operations on two tables of the kernel that don't depend on each other. */
export interface PeerOps {
  forwards: ForwardOp[];
  neighbours: NeighbourOp[];
}

export function noPeers(): PeerTable {
  return { tunnel: new Map(), bridge: new Set(), neighbours: new Map() };
}

/** The entries of peers; those behind a VTEP of another family than `underlay` can't be reached. */
export function tableOf(
  peers: Peer[],
  underlay: string,
): { table: PeerTable; unreachable: Peer[] } {
  const table = noPeers();
  const unreachable: Peer[] = [];
  for (const peer of peers) {
    const { endpoint: { mac, addresses }, vtep } = peer;
    if (familyOf(vtep) !== familyOf(underlay)) {
      unreachable.push(peer);
      continue;
    }
    table.tunnel.set(mac, [canonicalAddress(vtep)]);
    table.bridge.add(mac);
    for (const address of addresses) {
      table.neighbours.set(canonicalAddress(bareAddress(address)), mac);
    }
  }
  return { table, unreachable };
}

/** The entries that the kernel shows. */
export function readTable(
  forwards: ObservedForward[],
  neighbours: ObservedNeighbour[],
): PeerTable {
  const table = noPeers();
  for (const { mac, ifname, dst, master, state } of forwards) {
    if (ifname !== TUNNEL) continue;
    if (dst !== undefined) table.tunnel.set(mac, [...table.tunnel.get(mac) ?? [], dst]);
    // `permanent` is the tunnel's own MAC.
    else if (master !== undefined && state !== "permanent") table.bridge.add(mac);
  }
  for (const { dst, dev, lladdr, state } of neighbours) {
    if (dev === TUNNEL && lladdr !== undefined && state.includes("PERMANENT")) {
      table.neighbours.set(dst, lladdr);
    }
  }
  return table;
}

/** The operations that turn `seen` into `wanted`; none where they are the same. */
export function planPeers(seen: PeerTable, wanted: PeerTable): PeerOps {
  return {
    forwards: [...planTunnelEntries(seen, wanted), ...planBridgeEntries(seen, wanted)],
    neighbours: planNeighbours(seen, wanted),
  };
}

function planTunnelEntries(seen: PeerTable, wanted: PeerTable): ForwardOp[] {
  const ops: ForwardOp[] = [];
  for (const [mac, vteps] of seen.tunnel) {
    // Replacing changes one VTEP of a MAC, and leaves further ones in place.
    if (wanted.tunnel.has(mac) && vteps.length === 1) continue;
    for (const vtep of vteps) ops.push({ op: "deleteForward", mac, link: TUNNEL, vtep });
  }
  for (const [mac, [vtep]] of wanted.tunnel) {
    const vteps = seen.tunnel.get(mac);
    if (vteps?.length === 1 && vteps[0] === vtep) continue;
    ops.push({ op: "setForward", mac, link: TUNNEL, vtep: vtep! });
  }
  return ops;
}

function planBridgeEntries(seen: PeerTable, wanted: PeerTable): ForwardOp[] {
  return [
    ...[...seen.bridge.difference(wanted.bridge)]
      .map((mac): ForwardOp => ({ op: "deleteForward", mac, link: TUNNEL })),
    ...[...wanted.bridge.difference(seen.bridge)]
      .map((mac): ForwardOp => ({ op: "setForward", mac, link: TUNNEL })),
  ];
}

function planNeighbours(seen: PeerTable, wanted: PeerTable): NeighbourOp[] {
  return [
    ...[...seen.neighbours.keys()].filter((address) => !wanted.neighbours.has(address))
      .map((address): NeighbourOp => ({ op: "deleteNeighbour", address, link: TUNNEL })),
    ...[...wanted.neighbours].filter(([address, mac]) => seen.neighbours.get(address) !== mac)
      .map(([address, mac]): NeighbourOp => (
        { op: "setNeighbour", address, mac, link: TUNNEL, permanent: true }
      )),
  ];
}

/**
 * Endpoints that have an address with another MAC than before: a member may have cached the old one. No member has
 * cached entries of a table that was empty.
 */
export function movedEndpoints(seen: PeerTable, wanted: PeerTable): EndpointSpec[] {
  if (seen.neighbours.size === 0) return [];
  return [...wanted.neighbours].filter(([ip, mac]) => seen.neighbours.get(ip) !== mac)
    .map(([ip, mac]) => ({ id: "", mac, addresses: [ip] }));
}
