/**
 * Checks for routes that were added after networks and divert their addresses, as VPNs do.
 *
 * @module
 */
import { type ObservedRoute, routeTo, showRoutes } from "../../../lib/linux/net/observe.ts";
import type { Runner } from "../../../lib/linux/tools/runner.ts";
import { hostNetworks } from "./host_networks.ts";
import { type Cidr, cidrContains, cidrsOverlap, parseCidr } from "../../../lib/ip/cidr.ts";
import type { NetworkRecord } from "../../model/records.ts";
import type { Finding } from "../../../lib/api/types.ts";
import type { CheckContext } from "../check.ts";
import { findingsOf } from "../finding.ts";

const { ok, problem } = findingsOf("routes");
/** Limit of container addresses per network whose route is looked up. */
const MAX_LOOKED_UP = 16;
/** Longest prefix of a default route (or half of one), which any subnet's own route overrides. */
const LONGEST_DEFAULT = 1;

/** A route that could divert a network's packets. */
interface Route {
  to: Cidr;
  dev: string;
  /** As `ip route` writes it. */
  text: string;
}

function toRoute({ dst, dev, gateway, table, type }: ObservedRoute): Route[] {
  const aside = type !== undefined && !["unicast", "local"].includes(type);
  if (dev === undefined || dst === "default" || aside) return [];
  const to = parseCidr(dst.includes("/") ? dst : `${dst}/${dst.includes(":") ? 128 : 32}`);
  if (to.prefix <= LONGEST_DEFAULT) return [];
  const text = `${dst}${gateway === undefined ? "" : ` via ${gateway}`} dev ${dev}` +
    (table === undefined || table === "main" ? "" : ` table ${table}`);
  return [{ to, dev, text }];
}

async function hostRoutes(runner: Runner): Promise<Route[]> {
  const families = await Promise.all(([4, 6] as const).map((family) =>
    // A kernel without IPv6 has no such routes.
    showRoutes(runner, { family, all: true }).catch((error) => {
      if (family === 6) return [];
      throw error;
    })
  ));
  return families.flat().flatMap(toRoute);
}

/** The link that the kernel would send a packet to an address by; `undefined` without a route. */
async function wayTo(runner: Runner, address: string): Promise<string | undefined> {
  try {
    return (await routeTo(runner, address))?.dev;
  } catch {
    return undefined;
  }
}

function overlaps({ name, pools }: NetworkRecord, link: string, routes: Route[]): Finding[] {
  return pools.flatMap((pool) => {
    const subnet = parseCidr(pool.subnet);
    // A wider route does no harm: the network's own is more specific.
    return routes.filter(({ to, dev }) =>
      dev !== link && cidrsOverlap(to, subnet) && cidrContains(subnet, to)
    ).map(({ text }) =>
      problem(
        `The route "${text}" of this host takes addresses of network "${name}" (${pool.subnet}): its ` +
          `containers there can't be reached, nor reach what the route leads to`,
        `Remove the route (ip route del ${text}), e.g. in the settings of the VPN that made it; or ` +
          `make the network again with another --subnet`,
      )
    );
  });
}

/** Findings about containers that aren't reached by the bridge though no route diverts them (ip-rule(8)). */
async function strayed(
  { context, runner }: CheckContext,
  { id, name }: NetworkRecord,
  link: string,
): Promise<Finding[]> {
  const addresses = context.state.ownBackends(id).flatMap((service) => service.addresses)
    .slice(0, MAX_LOOKED_UP).map((cidr) => cidr.split("/")[0]!);
  const ways = await Promise.all(addresses.map((address) => wayTo(runner, address)));
  const at = ways.findIndex((dev) => dev !== link);
  if (at < 0) return [];
  return [problem(
    `Packets of this host to ${addresses[at]} of network "${name}" go ${
      ways[at] === undefined ? "nowhere" : `out by "${ways[at]}"`
    } instead of "${link}"`,
    `Look at ip route get ${
      addresses[at]
    } and ip rule: a rule or a route, e.g. of a VPN, comes first`,
  )];
}

/** Checks networks with a bridge in the host's namespace; the host doesn't route overlays' addresses. */
export async function checkRoutes(check: CheckContext): Promise<Finding[]> {
  const { context, runner } = check;
  const networks = hostNetworks(context);
  const routes = await hostRoutes(runner);
  const findings = await Promise.all(networks.map(async ({ network, link }) => {
    const found = overlaps(network, link, routes);
    return found.length > 0 ? found : await strayed(check, network, link);
  }));
  const found = findings.flat();
  return found.length > 0 ? found : [
    ok(`No route of this host overlaps its ${networks.length} bridge networks`),
  ];
}
