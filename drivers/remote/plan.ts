/**
 * From a plugin's answers to operations. Pure.
 *
 * @module
 */
import type { Join, NetworkSpec } from "../driver.ts";
import type { ObservedLink, ObservedRoute } from "../../lib/linux/net/observe.ts";
import type { NetOp } from "../../lib/linux/net/ops.ts";
import { isOwnName } from "../links/names.ts";
import { sandboxEndIsRight } from "../links/observe.ts";
import { planDefaultRoute, planSandbox } from "../links/plan.ts";
import type { LinkNote } from "./link_notes.ts";
import { type Joined, ROUTE_CONNECTED } from "./protocol/messages.ts";

/** Gateways that a plugin names, IPv4 first. */
export function gatewaysOf({ Gateway, GatewayIPv6 }: Joined): string[] {
  return [Gateway, GatewayIPv6].filter((ip) => ip !== undefined).map((ip) => ip.toLowerCase());
}

/** Destinations of default routes. */
const DEFAULT_ROUTE = /^(0\.0\.0\.0|::)\/0$/;

/** Whether a plugin's network leads out by itself: it names a gateway, or a default route. */
export function leadsOut(joined: Joined): boolean {
  return gatewaysOf(joined).length > 0 ||
    (joined.StaticRoutes ?? []).some(({ Destination }) => DEFAULT_ROUTE.test(Destination));
}

/** Aliases of netsvc's own links. */
const OWN_ALIAS = /^netsvc:/;
/** Kinds of links whose `link` attribute is the other end. */
const PAIRS = ["veth", "netkit", "vxcan"];
/** Destinations that a link has just by being up. */
const LINK_LOCAL = /^(fe80:|ff[0-9a-f]{2}:|169\.254\.)/;

/**
 * Why the host needs a link and a plugin may not give it to a container: a link that is moved loses its addresses,
 * routes and whatever is stacked on it. `undefined` where the plugin may give it.
 */
export function whyNeeded(
  { ifname, ifalias = "", flags, master, addr_info }: ObservedLink,
  { links, routes }: { links: ObservedLink[]; routes: Pick<ObservedRoute, "type" | "dst">[] },
): string | undefined {
  if (isOwnName(ifname) || OWN_ALIAS.test(ifalias)) return "is netsvc's own";
  if (flags.includes("LOOPBACK")) return "is the host's loopback";
  const address = addr_info.find(({ scope }) => scope !== "link");
  if (address) return `has the address ${address.local}/${address.prefixlen} on the host`;
  if (master !== undefined) return `is a port of "${master}" on the host`;
  const port = links.find((other) => other.master === ifname);
  if (port) return `has the port "${port.ifname}" on the host`;
  const upper = links.find(({ link, linkinfo }) =>
    // A tunnel's lower link is among its own data.
    linkinfo?.info_data?.link === ifname ||
    link === ifname && !PAIRS.includes(linkinfo?.info_kind ?? "")
  );
  if (upper) return `carries the link "${upper.ifname}" on the host`;
  const route = routes.find(({ type = "unicast", dst }) =>
    type === "unicast" && !LINK_LOCAL.test(dst)
  );
  return route && `carries the host's route to ${route.dst}`;
}

/** Moves the plugin's link from the host's namespace into the sandbox, under the sandbox's name. */
export function planMoveIn(
  { endpoint, sandbox, interface: name }: Join,
  joined: Joined,
): NetOp[] {
  const link = joined.InterfaceName.SrcName;
  return [
    // For people who look at the link; netsvc never reads it.
    { op: "setLink", link, alias: `netsvc-plugin:${endpoint.id}:${link}` },
    { op: "moveLink", link, netns: sandbox.path, name },
  ];
}

/** Brings the link in the sandbox to its state. */
export function planJoined(
  network: NetworkSpec,
  { join, joined }: { join: Join; joined: Joined },
): NetOp[] {
  const { interface: link, endpoint, gateway } = join;
  const routes = joined.StaticRoutes ?? [];
  // A next hop may only be reachable by a connected route, and the gateway by either kind.
  const connected = routes.filter(({ RouteType }) => RouteType === ROUTE_CONNECTED)
    .map(({ Destination }): NetOp => ({ op: "setRoute", to: Destination, link }));
  const nextHops = routes.filter(({ RouteType }) => RouteType !== ROUTE_CONNECTED)
    .map(({ Destination, NextHop }): NetOp => (
      { op: "setRoute", to: Destination, via: NextHop!, link }
    ));
  return [
    { op: "setLink", link, mac: endpoint.mac },
    // The plugin decides about the default route.
    ...planSandbox(network, { ...join, gateway: false }),
    ...connected,
    ...nextHops,
    ...gateway ? planGateways(join, gatewaysOf(joined)) : [],
  ];
}

/** Makes a link the sandbox's default route. */
export function planGateways({ interface: link }: Join, gateways: string[]): NetOp[] {
  return gateways.map((ip) => planDefaultRoute(ip, link));
}

/** An endpoint's link in a sandbox. */
export interface PluginLink {
  link: ObservedLink;
  /** The note taken before the move; absent for a link that an earlier version moved. */
  note: LinkNote | undefined;
}

/** The note for a link of the host's before it is moved; `links`: all links of the host. */
export function noteOf(
  link: ObservedLink,
  { links, joined }: { links: ObservedLink[]; joined: Joined },
): LinkNote {
  const kind = link.linkinfo?.info_kind ?? "";
  const peer = PAIRS.includes(kind)
    ? links.find(({ ifname }) => ifname === link.link)?.ifindex
    : undefined;
  return {
    srcName: link.ifname,
    kind,
    ...peer !== undefined && { peer },
    gateways: gatewaysOf(joined),
  };
}

/**
 * Whether a link in a sandbox is the plugin's own, and so may go back to the host: its other end is the same link
 * on the host as before, and refers to it. A container can make links of any name, kind and address, but not with
 * an end on the host.
 *
 * @param links the links of the host
 */
export function isPluginsOwn({ link, note }: PluginLink, links: ObservedLink[]): boolean {
  if (!note || note.kind !== (link.linkinfo?.info_kind ?? "")) return false;
  // A link without another end leads nowhere but through the host's link below it.
  if (note.peer === undefined) return note.kind === "dummy";
  const peer = links.find(({ ifindex }) => ifindex === note.peer);
  return peer?.linkinfo?.info_kind === note.kind && peer.link_netnsid !== undefined &&
    peer.link_index === link.ifindex && link.link_index === note.peer;
}

/** Whether the link in the sandbox is as the join asks for. */
export function linkIsRight({ link }: PluginLink, join: Join): boolean {
  return sandboxEndIsRight([link], join);
}

/** Moves a link out of the sandbox, back into the namespace at `home` under its old name. */
export function planMoveOut(
  { ifname }: ObservedLink,
  { name, home }: { name: string; home: string },
): NetOp[] {
  return [
    { op: "setLink", link: ifname, up: false },
    { op: "moveLink", link: ifname, netns: home, name },
  ];
}
