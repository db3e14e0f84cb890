/**
 * The kernel's network as `ip -j` and `bridge -j` show it; of each object the fields that netsvc reads.
 *
 * @module
 */
import type { Runner } from "../tools/runner.ts";

/** The tool that shows it. */
export type Shower = Pick<Runner, "json">;

/** A link with its addresses. */
export interface ObservedLink {
  ifname: string;
  ifindex: number;
  /** MAC. */
  address?: string;
  mtu: number;
  master?: string;
  operstate: string;
  flags: string[];
  ifalias?: string;
  /** Name of its lower link; of a veth, of its peer. */
  link?: string;
  /** Index of that link, and the id of its namespace, where that is another one. */
  link_index?: number;
  link_netnsid?: number;
  linkinfo?: {
    info_kind?: string;
    info_data?: Record<string, unknown>;
    info_slave_data?: Record<string, unknown>;
  };
  addr_info: { local: string; prefixlen: number; scope: string }[];
}

/** A route. */
export interface ObservedRoute {
  /** `unicast` unless given. */
  type?: string;
  /** CIDR, address, or `default`. */
  dst: string;
  gateway?: string;
  dev?: string;
  /** `main` unless given. */
  table?: string;
  /** Address that packets leave from. */
  prefsrc?: string;
}

/** An entry by which frames are forwarded. */
export interface ObservedForward {
  mac: string;
  ifname?: string;
  dst?: string;
  master?: string;
  flags: string[];
  state: string;
}

/** An entry of the neighbour table. */
export interface ObservedNeighbour {
  dst: string;
  dev: string;
  lladdr?: string;
  state: string[];
}

/** Which routes to show; those of the main table to anywhere unless given. */
export interface RouteQuery {
  family?: 4 | 6;
  /** Of all tables. */
  all?: boolean;
  /** By this link. */
  link?: string;
  /** Default routes alone. */
  defaults?: boolean;
}

/** All links of a namespace, the host's unless given. */
export async function showLinks(runner: Shower, namespace?: string): Promise<ObservedLink[]> {
  const shown = await runner.json<ObservedLink[]>("ip", ["-d", "addr", "show"], namespace);
  return shown.filter(({ ifname }) => ifname !== undefined);
}

/** One link. @throws {ToolError} `ENODEV` when there is none */
export async function showLink(
  runner: Shower,
  name: string,
  namespace?: string,
): Promise<ObservedLink | undefined> {
  const args = ["-d", "addr", "show", "dev", name];
  const shown = await runner.json<ObservedLink[]>("ip", args, namespace);
  // Tools find it by its other names, too.
  return shown.find(({ ifname }) => ifname === name);
}

/** Routes of a namespace, the host's unless given. */
export function showRoutes(
  runner: Shower,
  { family, all, link, defaults }: RouteQuery = {},
  namespace?: string,
): Promise<ObservedRoute[]> {
  const args = [
    ...family === undefined ? [] : [`-${family}`],
    ...["route", "show"],
    ...defaults ? ["default"] : [],
    ...all ? ["table", "all"] : [],
    ...link === undefined ? [] : ["dev", link],
  ];
  return runner.json<ObservedRoute[]>("ip", args, namespace);
}

/** The route that a packet of the host's to an address would take. @throws {ToolError} when there is none */
export async function routeTo(
  runner: Shower,
  address: string,
): Promise<ObservedRoute | undefined> {
  return (await runner.json<ObservedRoute[]>("ip", ["route", "get", address]))[0];
}

/** All entries by which bridges and tunnels of a namespace forward. */
export function showForwards(runner: Shower, namespace?: string): Promise<ObservedForward[]> {
  return runner.json<ObservedForward[]>("bridge", ["fdb", "show"], namespace);
}

/** All neighbours of a namespace, in whichever state. */
export function showNeighbours(runner: Shower, namespace?: string): Promise<ObservedNeighbour[]> {
  return runner.json<ObservedNeighbour[]>("ip", ["neigh", "show", "nud", "all"], namespace);
}
