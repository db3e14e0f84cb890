/**
 * What the kernel is told of endpoints on other hosts, as values: which there should be, which there
 * are, and the lines of bridge-batch and ip-batch(8) that make one of the other. Pure.
 *
 * The tunnel forwards by its own table (MAC to VTEP); the bridge by a static entry, since an unknown
 * MAC would be flooded to every container; and the tunnel answers ARP and neighbour discovery from
 * the neighbour table.
 *
 * @module
 */
import type { EndpointSpec, Peer } from "../driver.ts";
import { bareAddress, canonicalAddress, familyOf } from "../../lib/ip/text.ts";
import { TUNNEL } from "./options.ts";

/** The entries of one overlay on one host. */
export interface PeerTable {
  /** VTEPs by MAC; more than one only where somebody else added some. */
  tunnel: Map<string, string[]>;
  /** MACs that the bridge knows to be behind the tunnel. */
  bridge: Set<string>;
  /** MACs by IP address. */
  neighbours: Map<string, string>;
}

/** Lines for two tools; the bridge's come first. */
export interface PeerLines {
  bridge: string[];
  ip: string[];
}

/** No entries. */
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

/** One entry of `bridge -j fdb show`. */
export interface ObservedForward {
  mac: string;
  ifname?: string;
  dst?: string;
  master?: string;
  flags: string[];
  state: string;
}

/** One entry of `ip -j neigh show`. */
export interface ObservedNeighbour {
  dst: string;
  dev: string;
  lladdr?: string;
  state: string[];
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

/** The lines that make `wanted` of `seen`; none where they are the same. */
export function planPeers(seen: PeerTable, wanted: PeerTable): PeerLines {
  const lines: PeerLines = { bridge: [], ip: [] };
  for (const [mac, vteps] of seen.tunnel) {
    // Replacing changes one VTEP of a MAC, and leaves others.
    if (!wanted.tunnel.has(mac) || vteps.length > 1) {
      for (const vtep of vteps) lines.bridge.push(`fdb del ${mac} dev ${TUNNEL} dst ${vtep} self`);
    }
  }
  for (const mac of seen.bridge) {
    if (!wanted.bridge.has(mac)) lines.bridge.push(`fdb del ${mac} dev ${TUNNEL} master`);
  }
  for (const ip of seen.neighbours.keys()) {
    if (!wanted.neighbours.has(ip)) lines.ip.push(`neigh del ${ip} dev ${TUNNEL}`);
  }
  for (const [mac, [vtep]] of wanted.tunnel) {
    const vteps = seen.tunnel.get(mac);
    if (vteps?.length === 1 && vteps[0] === vtep) continue;
    lines.bridge.push(`fdb replace ${mac} dev ${TUNNEL} dst ${vtep} self permanent`);
  }
  for (const mac of wanted.bridge) {
    if (!seen.bridge.has(mac)) lines.bridge.push(`fdb replace ${mac} dev ${TUNNEL} master static`);
  }
  for (const [ip, mac] of wanted.neighbours) {
    if (seen.neighbours.get(ip) === mac) continue;
    lines.ip.push(`neigh replace ${ip} lladdr ${mac} dev ${TUNNEL} nud permanent`);
  }
  return lines;
}

/**
 * Endpoints that have an address by another MAC than before: a member may remember the old one. Those of
 * a table that was empty are nobody's memory.
 */
export function movedEndpoints(seen: PeerTable, wanted: PeerTable): EndpointSpec[] {
  if (seen.neighbours.size === 0) return [];
  return [...wanted.neighbours].filter(([ip, mac]) => seen.neighbours.get(ip) !== mac)
    .map(([ip, mac]) => ({ id: "", mac, addresses: [ip] }));
}
