/**
 * What netsvc's nftables table holds, as a value, and the scripts that bring it about. Pure.
 *
 * Rules are constant; networks and ports are elements of sets and maps, so a change is one small
 * transaction, and the whole table can be replaced in one without touching connections.
 *
 * @module
 */
import type { PublishedPort } from "../../server/wire/types.ts";
import type { DesiredNetwork, Join, NetworkSpec } from "../driver.ts";
import { bridgeOptions } from "./options.ts";

/** Name of the table. */
export const TABLE = "inet netsvc";

/** Sets and maps with their types. */
const SETS = {
  bridges: "type ifname;",
  same: "type ifname . ifname;",
  open: "type ifname;",
  internal: "type ifname;",
  masquerade4: "type ipv4_addr; flags interval;",
  masquerade6: "type ipv6_addr; flags interval;",
  hairpin4: "type ipv4_addr . ipv4_addr; flags interval;",
  hairpin6: "type ipv6_addr . ipv6_addr; flags interval;",
} as const;
const MAPS = {
  ports4: "type inet_proto . inet_service : ipv4_addr . inet_service;",
  ports6: "type inet_proto . inet_service : ipv6_addr . inet_service;",
  ports4_at: "type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service;",
  ports6_at: "type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service;",
} as const;

/** Name of a set or map. */
export type SetName = keyof typeof SETS | keyof typeof MAPS;
/** Names of all sets and maps. */
export const SET_NAMES = [...Object.keys(SETS), ...Object.keys(MAPS)] as SetName[];

/** Elements by set, in nft's syntax. */
export type Elements = Record<SetName, Set<string>>;

const DNAT = [
  "fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @ports4_at",
  "fib daddr type local dnat ip6 to ip6 daddr . meta l4proto . th dport map @ports6_at",
  "fib daddr type local dnat ip to meta l4proto . th dport map @ports4",
  "fib daddr type local dnat ip6 to meta l4proto . th dport map @ports6",
];

/** Chains: hook, then rules. */
export const CHAINS: Record<string, { hook: string; rules: string[] }> = {
  // The bridges route loopback addresses, for published ports; a container must not (CVE-2020-8558).
  guard: {
    hook: "type filter hook prerouting priority raw; policy accept;",
    rules: ["iifname @bridges ip daddr 127.0.0.0/8 drop"],
  },
  prerouting: {
    hook: "type nat hook prerouting priority dstnat; policy accept;",
    rules: ["iifname @internal return", ...DNAT],
  },
  output: {
    hook: "type nat hook output priority -100; policy accept;",
    // ::1 can't be routed to a bridge (IPv6 has no route_localnet): the daemon passes it on.
    rules: ["ip6 daddr ::1 return", ...DNAT],
  },
  forward: {
    hook: "type filter hook forward priority filter; policy accept;",
    rules: [
      "iifname != @bridges oifname != @bridges return",
      "iifname . oifname @same accept",
      "iifname @internal drop",
      "oifname @internal drop",
      "ct state established,related accept",
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
      "ip saddr 127.0.0.0/8 oifname @bridges masquerade",
      "ip saddr @masquerade4 oifname != @bridges masquerade",
      "ip6 saddr @masquerade6 oifname != @bridges masquerade",
    ],
  },
};

/** No elements. */
export function noElements(): Elements {
  return Object.fromEntries(SET_NAMES.map((name) => [name, new Set<string>()])) as Elements;
}

/** The elements of a network. */
export function networkElements(network: NetworkSpec): Elements {
  const { name, isolation, masquerade } = bridgeOptions(network);
  const elements = noElements();
  elements.bridges.add(`"${name}"`);
  elements.same.add(`"${name}" . "${name}"`);
  if (!isolation) elements.open.add(`"${name}"`);
  if (network.internal) elements.internal.add(`"${name}"`);
  for (const { family, subnet } of network.internal ? [] : network.pools) {
    elements[family === 4 ? "hairpin4" : "hairpin6"].add(`${subnet} . ${subnet}`);
    if (masquerade) elements[family === 4 ? "masquerade4" : "masquerade6"].add(subnet);
  }
  return elements;
}

function addPort(elements: Elements, port: PublishedPort, addresses: string[]): void {
  const { hostIp, hostPort, containerPort, protocol } = port;
  for (const address of addresses) {
    const v6 = address.includes(":");
    if (hostIp !== undefined && hostIp.includes(":") !== v6) continue;
    const everywhere = hostIp === undefined || hostIp === "0.0.0.0" || hostIp === "::";
    const to = `${protocol} . ${hostPort} : ${address} . ${containerPort}`;
    if (everywhere) elements[v6 ? "ports6" : "ports4"].add(to);
    else elements[v6 ? "ports6_at" : "ports4_at"].add(`${hostIp} . ${to}`);
  }
}

/** The elements of an endpoint's published ports. */
export function portElements(network: NetworkSpec, join: Join): Elements {
  const { hostIp } = bridgeOptions(network);
  const elements = noElements();
  const addresses = join.endpoint.addresses.map((address) => address.split("/")[0]!);
  for (const port of network.internal ? [] : join.ports) {
    addPort(elements, { ...hostIp !== undefined && { hostIp }, ...port }, addresses);
  }
  return elements;
}

/** All that must be in the table before an endpoint is plugged in. */
export function joinElements(network: NetworkSpec, join: Join): Elements {
  const elements = networkElements(network);
  const ports = portElements(network, join);
  for (const name of SET_NAMES) for (const e of ports[name]) elements[name].add(e);
  return elements;
}

/** The elements of all networks and ports. */
export function allElements(desired: DesiredNetwork[]): Elements {
  const elements = noElements();
  for (const { network, joins } of desired) {
    const parts = [networkElements(network), ...joins.map((join) => portElements(network, join))];
    for (const part of parts) {
      for (const name of SET_NAMES) for (const e of part[name]) elements[name].add(e);
    }
  }
  return elements;
}

/** Statements that add or delete elements; none where there are none. */
export function elementScript(verb: "add" | "delete", elements: Elements): string {
  return SET_NAMES.filter((name) => elements[name].size > 0)
    .map((name) =>
      `${verb} element ${TABLE} ${name} { ${
        [...elements[name]].map((e) => verb === "delete" ? elementKey(name, e) : e).join(", ")
      } }\n`
    ).join("");
}

/** What names an element: in a map, the part before the data. */
function elementKey(name: SetName, element: string): string {
  return name in MAPS ? element.slice(0, element.indexOf(" : ")) : element;
}

/** Replaces the whole table, atomically. */
export function tableScript(elements: Elements): string {
  const set = (kind: "set" | "map", name: SetName, type: string) => {
    const list = [...elements[name]].join(", ");
    return `  ${kind} ${name} { ${type} ${list === "" ? "" : `elements = { ${list} };`} }\n`;
  };
  const chains = Object.entries(CHAINS).map(([name, { hook, rules }]) =>
    `  chain ${name} {\n    ${hook}\n${rules.map((rule) => `    ${rule}\n`).join("")}  }\n`
  );
  return [
    // Deleting needs it to be there.
    `add table ${TABLE}\ndelete table ${TABLE}\ntable ${TABLE} {\n`,
    ...Object.entries(SETS).map(([name, type]) => set("set", name as SetName, type)),
    ...Object.entries(MAPS).map(([name, type]) => set("map", name as SetName, type)),
    ...chains,
    "}\n",
  ].join("");
}
