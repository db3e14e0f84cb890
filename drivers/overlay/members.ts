/**
 * The members of one overlay on this host: compares their links with what should be, and repairs the difference.
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

/** Where the members are, and their links as the kernel shows them. */
export interface MembersSeen {
  shape: OverlayShape;
  /** Path of the overlay's namespace. */
  path: string;
  /** All links of that namespace. */
  links: ObservedLink[];
}

/** The members that should exist. */
export interface MembersWanted {
  joins: Join[];
  report: ReconcileReport;
  /** Look into every sandbox. */
  thorough: boolean;
}

export type MemberTools = Pick<NamespaceTools, "runner" | "links">;

/** Repairs members, then removes links that belong to none. */
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
    const right = isRight(tools, link, { join, thorough });
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

/** Names of member links that belong to no desired join. */
export function strayMembers(
  links: Pick<ObservedLink, "ifname">[],
  wanted: ReadonlySet<string>,
): string[] {
  return links.map(({ ifname }) => ifname)
    .filter((name) => name.startsWith(VETH_PREFIX) && !wanted.has(name));
}

function isRight(
  tools: MemberTools,
  link: ObservedLink | undefined,
  { join, thorough }: { join: Join; thorough: boolean },
): boolean {
  if (!vethIsRight(link, BRIDGE)) return false;
  return !thorough || sandboxEndIsRight(tools.links.dump(join.sandbox.path), join);
}

/** The sandbox's end first: reconcile judges by the end here, so a crash in between is noticed. */
async function setMtu(
  { runner }: MemberTools,
  join: Join,
  { mtu, path }: { mtu: number; path: string },
): Promise<void> {
  const [here, inside] = planMtu(join, mtu);
  await runner.apply(inside, join.sandbox.path);
  await runner.apply(here, path);
}
