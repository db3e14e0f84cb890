/**
 * From what a plugin answers to lines of ip-batch(8). Pure.
 *
 * @module
 */
import type { Join, NetworkSpec } from "../driver.ts";
import { type ObservedLink, sandboxEndIsRight } from "../links/observe.ts";
import { planSandbox } from "../links/plan.ts";
import { type Joined, ROUTE_CONNECTED } from "./messages.ts";

/** What tells a plugin's link from others while it is in a sandbox: the endpoint, and its old name. */
const ALIAS = /^netsvc-plugin:([0-9a-f]{64}):([^\s:/]{1,15})$/;

/** The alias of a plugin's link; it goes along when the link is moved. */
function linkAlias(endpoint: string, srcName: string): string {
  return `netsvc-plugin:${endpoint}:${srcName}`;
}

/** Takes the plugin's link out of the host's namespace into the sandbox, under the sandbox's name. */
export function planMoveIn(
  { endpoint, sandbox, interface: name }: Join,
  srcName: string,
): string[] {
  return [
    `link set dev ${srcName} alias ${linkAlias(endpoint.id, srcName)}`,
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
  const gateways = [joined.Gateway, joined.GatewayIPv6].filter((ip) => ip !== undefined);
  return [
    `link set dev ${name} address ${endpoint.mac}`,
    // The way out is what the plugin says it is.
    ...planSandbox(network, { ...join, gateway: false }),
    ...connected,
    ...nextHops,
    ...gateway ? gateways.map((ip) => `route replace default via ${ip} dev ${name}`) : [],
  ];
}

/** An endpoint's link in a sandbox. */
export interface PluginLink {
  link: ObservedLink;
  /** The name the plugin gave it. */
  srcName: string;
}

/** Finds an endpoint's link among a sandbox's. */
export function findLink(links: ObservedLink[], endpoint: string): PluginLink | undefined {
  for (const link of links) {
    const [, id, srcName] = link.ifalias?.match(ALIAS) ?? [];
    if (id === endpoint && srcName !== undefined) return { link, srcName };
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
