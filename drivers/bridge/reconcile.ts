/**
 * Compares the links that networks and joins should have with those that exist, and repairs the difference; links
 * that are right stay untouched.
 *
 * @module
 */
import type { DesiredNetwork, Join, NetworkSpec, ReconcileReport } from "../driver.ts";
import { forAll } from "../links/for_all.ts";
import type { Links } from "../links/links.ts";
import { BRIDGE_PREFIX, linkAlias, VETH_PREFIX, vethName } from "../links/names.ts";
import type { DumpedLink } from "../../lib/linux/net/link_dump.ts";
import { hasAddress, linksByName, sandboxEndIsRight, vethIsRight } from "../links/observe.ts";
import { bridgeOptions } from "./options.ts";
import { gatewayAddresses } from "./plan.ts";

/** Names that only netsvc makes. */
const OWN_NAME = new RegExp(`^(${BRIDGE_PREFIX}|${VETH_PREFIX})[0-9a-f]{12}$`);

/** What {@linkcode reconcileLinks} works with. */
export interface LinkReconcile {
  links: Links;
  desired: DesiredNetwork[];
  report: ReconcileReport;
  /** Look into every sandbox, not only those whose host end shows a fault. */
  thorough: boolean;
  /** Names of links of another owner, which stay as they are. */
  leave: ReadonlySet<string>;
  makeBridge(network: NetworkSpec): Promise<void>;
  join(network: NetworkSpec, join: Join): Promise<void>;
}

function bridgeIsRight(link: DumpedLink | undefined, network: NetworkSpec): boolean {
  const { mtu } = bridgeOptions(network);
  return link !== undefined && link.ifalias === linkAlias(network.id) && link.mtu === mtu &&
    link.flags.includes("UP") && link.linkinfo?.info_data?.mcast_snooping !== 1 &&
    gatewayAddresses(network.pools).every((address) => hasAddress(link, address));
}

function sandboxIsRight({ links }: LinkReconcile, join: Join): boolean {
  const { path } = join.sandbox;
  return (!join.gateway || links.hasDefaultRoute(path)) &&
    sandboxEndIsRight(links.dump(path), join);
}

/** Repairs bridges, then endpoints, then removes links that belong to no desired network or join. */
export async function reconcileLinks(work: LinkReconcile): Promise<void> {
  const { desired, report } = work;
  const listed = work.links.dump();
  const links = linksByName(listed);
  await forAll({ items: desired, report }, async ({ network }) => {
    const { name } = bridgeOptions(network);
    if (bridgeIsRight(links.get(name), network)) return;
    await work.makeBridge(network);
    // At a first start, and after a boot, the bridge doesn't exist yet: that is no fault to report as mended.
    const did = links.has(name) ? "Mended" : "Made";
    report.mended.push(`${did} the bridge ${name} of network "${network.name}"`);
  });
  const joins = desired.flatMap(({ network, joins }) => joins.map((join) => ({ network, join })));
  await forAll({ items: joins, report }, async ({ network, join }) => {
    const name = vethName(join.endpoint.id);
    const hostEnd = vethIsRight(links.get(name), bridgeOptions(network).name);
    if (hostEnd && (!work.thorough || sandboxIsRight(work, join))) return;
    await work.join(network, join);
    report.mended.push(`Mended the endpoint ${name} on network "${network.name}"`);
  });
  const wanted = new Set([
    ...desired.map(({ network }) => bridgeOptions(network).name),
    ...joins.map(({ join }) => vethName(join.endpoint.id)),
  ]);
  const strays = listed.filter((link) =>
    isNetsvcs(link) && !wanted.has(link.ifname) && !work.leave.has(link.ifname)
  );
  await forAll({ items: strays, report }, async ({ ifname }) => {
    await work.links.delete(ifname);
    report.removed.push(`Removed the link ${ifname}, which belongs to nothing`);
  });
}

/** Whether a daemon made a link: judged by its name or, for a bridge with a name of the user's, by its alias. */
export function isNetsvcs({ ifname, ifalias }: Pick<DumpedLink, "ifname" | "ifalias">): boolean {
  return OWN_NAME.test(ifname ?? "") || /^netsvc:[0-9a-f]{64}$/.test(ifalias ?? "");
}
