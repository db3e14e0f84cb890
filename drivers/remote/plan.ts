/**
 * From what a plugin answers to lines of ip-batch(8). Pure.
 *
 * @module
 */
import { BRIDGE_PREFIX } from "../bridge/options.ts";
import type { Join, NetworkSpec } from "../driver.ts";
import { VETH_PREFIX } from "../links/names.ts";
import { type ObservedLink, sandboxEndIsRight } from "../links/observe.ts";
import { planSandbox } from "../links/plan.ts";
import { type Joined, ROUTE_CONNECTED } from "./messages.ts";

/**
 * What tells a plugin's link from others while it is in a sandbox: the endpoint, its old name, and the
 * gateways behind it, which the plugin tells only once. At most 255 bytes (IFALIASZ).
 */
const ALIAS = /^netsvc-plugin:([0-9a-f]{64}):([^\s:/,]{1,15})(?:,([0-9a-f.:,]+))?$/;

/** The alias of a plugin's link; it goes along when the link is moved. */
function linkAlias(endpoint: string, joined: Joined): string {
  const { SrcName } = joined.InterfaceName;
  return [`netsvc-plugin:${endpoint}:${SrcName}`, ...gatewaysOf(joined)].join(",");
}

/** Gateways that a plugin names, IPv4 first. */
function gatewaysOf({ Gateway, GatewayIPv6 }: Joined): string[] {
  return [Gateway, GatewayIPv6].filter((ip) => ip !== undefined).map((ip) => ip.toLowerCase());
}

/** Destinations of default routes. */
const DEFAULT_ROUTE = /^(0\.0\.0\.0|::)\/0$/;

/** Whether a plugin's network leads out by itself: it names a gateway, or a default route. */
export function leadsOut(joined: Joined): boolean {
  return gatewaysOf(joined).length > 0 ||
    (joined.StaticRoutes ?? []).some(({ Destination }) => DEFAULT_ROUTE.test(Destination));
}

/** A link of the host's. */
export interface HostLink extends ObservedLink {
  /** The link that it stands on; of a veth, its other end. */
  link?: string;
}

/** A route, of `ip -j route show table all dev NAME`. */
export interface LinkRoute {
  /** `unicast` unless given. */
  type?: string;
  dst?: string;
}

/** Names and aliases of netsvc's links. */
const OWN_NAME = new RegExp(`^(${VETH_PREFIX}|${BRIDGE_PREFIX})`), OWN_ALIAS = /^netsvc:/;
/** Links whose `link` is another end. */
const PAIRS = ["veth", "netkit", "vxcan"];
/** Destinations that a link has by being up. */
const LINK_LOCAL = /^(fe80:|ff[0-9a-f]{2}:|169\.254\.)/;

/**
 * Why a link has to stay on the host, which would lose what it has by it: moved, it loses addresses,
 * routes and whatever stands on it. `undefined` where a plugin may give it to a container.
 */
export function whyNeeded(
  { ifname, ifalias = "", flags, master, addr_info }: HostLink,
  links: HostLink[],
  routes: LinkRoute[],
): string | undefined {
  if (OWN_NAME.test(ifname) || OWN_ALIAS.test(ifalias)) return "is netsvc's own";
  if (flags.includes("LOOPBACK")) return "is the host's loopback";
  const address = addr_info.find(({ scope }) => scope !== "link");
  if (address) return `has the address ${address.local}/${address.prefixlen} on the host`;
  if (master !== undefined) return `is a port of "${master}" on the host`;
  const port = links.find((other) => other.master === ifname);
  if (port) return `has the port "${port.ifname}" on the host`;
  const upper = links.find(({ link, linkinfo }) =>
    // A tunnel's is among its own data.
    linkinfo?.info_data?.link === ifname ||
    link === ifname && !PAIRS.includes(linkinfo?.info_kind ?? "")
  );
  if (upper) return `carries the link "${upper.ifname}" on the host`;
  const route = routes.find(({ type = "unicast", dst }) =>
    type === "unicast" && dst !== undefined && !LINK_LOCAL.test(dst)
  );
  return route && `carries the host's route to ${route.dst}`;
}

/** Takes the plugin's link out of the host's namespace into the sandbox, under the sandbox's name. */
export function planMoveIn(
  { endpoint, sandbox, interface: name }: Join,
  joined: Joined,
): string[] {
  const srcName = joined.InterfaceName.SrcName;
  return [
    `link set dev ${srcName} alias ${linkAlias(endpoint.id, joined)}`,
    `link set dev ${srcName} netns ${sandbox.path} name ${name}`,
  ];
}

/** Brings the link in the sandbox to its state. */
export function planJoined(network: NetworkSpec, join: Join, joined: Joined): string[] {
  const { interface: name, endpoint, gateway } = join;
  const routes = joined.StaticRoutes ?? [];
  // A next hop may only be reached by a connected route, and the gateway by either.
  const connected = routes.filter(({ RouteType }) => RouteType === ROUTE_CONNECTED)
    .map(({ Destination }) => `route replace ${Destination} dev ${name}`);
  const nextHops = routes.filter(({ RouteType }) => RouteType !== ROUTE_CONNECTED)
    .map(({ Destination, NextHop }) => `route replace ${Destination} via ${NextHop} dev ${name}`);
  return [
    `link set dev ${name} address ${endpoint.mac}`,
    // The way out is what the plugin says it is.
    ...planSandbox(network, { ...join, gateway: false }),
    ...connected,
    ...nextHops,
    ...gateway ? planGateways(join, gatewaysOf(joined)) : [],
  ];
}

/** Makes a link the sandbox's way out. */
export function planGateways({ interface: name }: Join, gateways: string[]): string[] {
  return gateways.map((ip) => `route replace default via ${ip} dev ${name}`);
}

/** An endpoint's link in a sandbox. */
export interface PluginLink {
  link: ObservedLink;
  /** The name the plugin gave it. */
  srcName: string;
  /** Gateways that the plugin named. */
  gateways: string[];
}

/** Finds an endpoint's link among a sandbox's. */
export function findLink(links: ObservedLink[], endpoint: string): PluginLink | undefined {
  for (const link of links) {
    const [, id, srcName, gateways] = link.ifalias?.match(ALIAS) ?? [];
    if (id !== endpoint || srcName === undefined) continue;
    return { link, srcName, gateways: gateways?.split(",") ?? [] };
  }
  return undefined;
}

/** Whether the link in the sandbox is as the join wants it. */
export function linkIsRight({ link }: PluginLink, join: Join): boolean {
  return sandboxEndIsRight([link], join);
}

/** Takes a link out of the sandbox, back into the namespace at `home` under its old name. */
export function planMoveOut({ link, srcName }: PluginLink, home: string): string[] {
  return [
    `link set dev ${link.ifname} down`,
    `link set dev ${link.ifname} netns ${home} name ${srcName}`,
  ];
}
