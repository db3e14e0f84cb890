/**
 * Compares the links that networks and joins should have with those there are, and mends the
 * difference; what is right isn't touched.
 *
 * @module
 */
import type { DesiredNetwork, Join, NetworkSpec, ReconcileReport } from "../driver.ts";
import { hasAddress, linksByName, type ObservedLink } from "./observe.ts";
import { BRIDGE_PREFIX, bridgeOptions, linkAlias, VETH_PREFIX, vethName } from "./options.ts";
import { gatewayAddresses } from "./plan.ts";

/** Names that only netsvc gives. */
const OWN_NAME = new RegExp(`^(${BRIDGE_PREFIX}|${VETH_PREFIX})[0-9a-f]{12}$`);
/** Sandboxes looked into at once. */
const AT_ONCE = 8;

/** What {@linkcode reconcileLinks} works with. */
export interface LinkReconcile {
  /** The host's links. */
  links: ObservedLink[];
  desired: DesiredNetwork[];
  report: ReconcileReport;
  /** Look into every sandbox, not only where the host's end says that something is off. */
  thorough: boolean;
  makeBridge(network: NetworkSpec): Promise<void>;
  join(network: NetworkSpec, join: Join): Promise<void>;
  deleteLink(name: string): Promise<void>;
  sandboxLinks(path: string): Promise<ObservedLink[]>;
  sandboxHasDefault(path: string): Promise<boolean>;
}

function bridgeIsRight(link: ObservedLink | undefined, network: NetworkSpec): boolean {
  const { mtu } = bridgeOptions(network);
  return link !== undefined && link.ifalias === linkAlias(network.id) && link.mtu === mtu &&
    link.flags.includes("UP") &&
    gatewayAddresses(network.pools).every((address) => hasAddress(link, address));
}

/** Whether the host's end of a join is as it should be. */
function vethIsRight(link: ObservedLink | undefined, network: NetworkSpec): boolean {
  // The host's end is UP only while the sandbox's is, too.
  return link !== undefined && link.master === bridgeOptions(network).name &&
    link.operstate === "UP";
}

async function sandboxIsRight(work: LinkReconcile, join: Join): Promise<boolean> {
  const { interface: name, endpoint, sandbox, gateway } = join;
  const link = linksByName(await work.sandboxLinks(sandbox.path)).get(name);
  if (link?.address !== endpoint.mac || !link.flags.includes("UP")) return false;
  if (!endpoint.addresses.every((address) => hasAddress(link, address))) return false;
  return !gateway || await work.sandboxHasDefault(sandbox.path);
}

/** Runs `action` for all items, some at a time; failures go into the report. */
async function forAll<T>(
  items: T[],
  report: ReconcileReport,
  action: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      await action(item).catch((error) => report.failed.push(error));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Mends bridges, then endpoints, then removes what nobody wants. */
export async function reconcileLinks(work: LinkReconcile): Promise<void> {
  const { desired, report } = work;
  const links = linksByName(work.links);
  await forAll(desired, report, async ({ network }) => {
    const { name } = bridgeOptions(network);
    if (bridgeIsRight(links.get(name), network)) return;
    await work.makeBridge(network);
    report.mended.push(`Mended the bridge ${name} of network "${network.name}"`);
  });
  const joins = desired.flatMap(({ network, joins }) => joins.map((join) => ({ network, join })));
  await forAll(joins, report, async ({ network, join }) => {
    const name = vethName(join.endpoint.id);
    const hostEnd = vethIsRight(links.get(name), network);
    if (hostEnd && (!work.thorough || await sandboxIsRight(work, join))) return;
    await work.join(network, join);
    report.mended.push(`Mended the endpoint ${name} on network "${network.name}"`);
  });
  const wanted = new Set([
    ...desired.map(({ network }) => bridgeOptions(network).name),
    ...joins.map(({ join }) => vethName(join.endpoint.id)),
  ]);
  const strays = work.links.filter(({ ifname, ifalias }) =>
    ifname && !wanted.has(ifname) && (OWN_NAME.test(ifname) || isBridgeAlias(ifalias))
  );
  await forAll(strays, report, async ({ ifname }) => {
    await work.deleteLink(ifname);
    report.removed.push(`Removed the link ${ifname}, which belongs to nothing`);
  });
}

/** The alias of a link of ours, of a bridge with a name of the user's too. */
function isBridgeAlias(alias: string | undefined): boolean {
  return alias !== undefined && /^netsvc:[0-9a-f]{64}$/.test(alias);
}
