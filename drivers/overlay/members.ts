/**
 * The members of one overlay on this host: compares their links with what should be, and mends the difference.
 *
 * @module
 */
import type { ObservedLink } from "../../lib/linux/net/observe.ts";
import type { Join, ReconcileReport } from "../driver.ts";
import { forAll } from "../links/for_all.ts";
import { VETH_PREFIX, vethName } from "../links/names.ts";
import { linksByName, sandboxEndIsRight, vethIsRight } from "../links/observe.ts";
import { BRIDGE, overlayMtu } from "./options.ts";
import type { NamespaceTools } from "./overlay_namespace.ts";
import { type OverlayShape, planMtu, planPort } from "./plan.ts";

/** Where the members are, and what the kernel shows of them. */
export interface MembersSeen {
  shape: OverlayShape;
  /** Path of the overlay's namespace. */
  path: string;
  /** All links there. */
  links: ObservedLink[];
}

/** What should be. */
export interface MembersWanted {
  joins: Join[];
  report: ReconcileReport;
  /** Look into every sandbox. */
  thorough: boolean;
}

/** Works on members with these. */
export type MemberTools = Pick<NamespaceTools, "runner" | "links">;

/** Mends members, then removes what belongs to none. */
export async function reconcileMembers(
  tools: MemberTools,
  { shape, path, links, joins, report, thorough }: MembersSeen & MembersWanted,
): Promise<void> {
  const { network, underlay } = shape;
  const mtu = overlayMtu(network, underlay);
  const seen = linksByName(links);
  await forAll({ items: joins, report }, async (join) => {
    const name = vethName(join.endpoint.id);
    const link = seen.get(name);
    const right = await isRight(tools, link, { join, thorough });
    if (right && link?.mtu === mtu) return;
    if (!right) {
      await tools.links.plug(join, planPort(network, { join, mtu }), path);
      await tools.links.configure(network, join);
    }
    await setMtu(tools, join, { mtu, path });
    report.mended.push(`Mended the endpoint ${name} on network "${network.name}"`);
  });
  const wanted = new Set(joins.map(({ endpoint }) => vethName(endpoint.id)));
  await forAll({ items: strayMembers(links, wanted), report }, async (name) => {
    await tools.links.delete(name, path);
    report.removed.push(`Removed the link ${name}, which belongs to nothing`);
  });
}

/** Names of members' links that aren't wanted. */
export function strayMembers(
  links: Pick<ObservedLink, "ifname">[],
  wanted: ReadonlySet<string>,
): string[] {
  return links.map(({ ifname }) => ifname)
    .filter((name) => name.startsWith(VETH_PREFIX) && !wanted.has(name));
}

async function isRight(
  tools: MemberTools,
  link: ObservedLink | undefined,
  { join, thorough }: { join: Join; thorough: boolean },
): Promise<boolean> {
  if (!vethIsRight(link, BRIDGE)) return false;
  return !thorough || sandboxEndIsRight(await tools.links.list(join.sandbox.path), join);
}

/** The sandbox first: the end here is the one that is looked at. */
async function setMtu(
  { runner }: MemberTools,
  join: Join,
  { mtu, path }: { mtu: number; path: string },
): Promise<void> {
  const [here, inside] = planMtu(join, mtu);
  await runner.apply(inside, join.sandbox.path);
  await runner.apply(here, path);
}
