/**
 * Checks whether the host forwards containers' packets, or another program's firewall drops them.
 *
 * @module
 */
import { showRoutes } from "../../../lib/linux/net/observe.ts";
import type { Runner } from "../../../lib/linux/tools/runner.ts";
import { type HostNetwork, hostNetworks } from "./host_networks.ts";
import { type Family, parseCidr } from "../../../lib/ip/cidr.ts";
import type { Finding } from "../../../lib/api/types.ts";
import type { CheckContext } from "../check.ts";
import { enumerate, findingsOf } from "../finding.ts";
import { readIptables } from "../../../drivers/foreign/iptables_rules.ts";
import { type NftListed, readNft } from "../../../drivers/foreign/nft_rules.ts";
import { outwardLinks } from "../../../drivers/foreign/outward.ts";
import { remedyFor, whose } from "../../../drivers/foreign/owners.ts";
import { type Filter, outcome, type Packet } from "../../../drivers/foreign/packet_filter.ts";
import { netSetting } from "./reverse_path.ts";

const { ok, warning, problem } = findingsOf("forwarding");

/** A filter with the families of the packets that it sees. */
interface Seen {
  families: Family[];
  filter: Filter;
}

const FAMILIES: Record<string, Family[]> = { ip: [4], ip6: [6], inet: [4, 6] };

/** All filters at the forward hook; those of iptables from its own listing, since `nft` shows them partly. */
async function filters(runner: Runner): Promise<Seen[]> {
  const found: Seen[] = [];
  const covered = new Set<string>();
  for (const [tool, table, family] of [["iptables", "ip", 4], ["ip6tables", "ip6", 6]] as const) {
    try {
      const filter = readIptables(tool, await runner.run({ tool, args: ["-w", "5", "-S"] }));
      covered.add(table);
      if (filter) found.push({ families: [family], filter });
    } catch {
      // The tool is missing, which the check of tools reports: use what nft shows.
    }
  }
  const { nftables } = await runner.json<{ nftables: NftListed[] }>("nft", ["list", "ruleset"]);
  for (const filter of readNft(nftables)) {
    if (filter.table === "filter" && filter.chain === "FORWARD" && covered.has(filter.family)) {
      continue;
    }
    found.push({ families: FAMILIES[filter.family]!, filter });
  }
  return found;
}

/** The link that leads outside. */
async function uplink(runner: Runner, bridges: HostNetwork[]): Promise<string> {
  const routes = await showRoutes(runner, { defaults: true }).catch(() => []);
  if (routes[0]?.dev !== undefined) return routes[0].dev;
  const own = (name: string) => bridges.some((bridge) => bridge.link === name);
  return (await outwardLinks(runner, own))[0] ?? "the outside";
}

/** The facts about the host, besides its networks, that the check depends on. */
interface HostTraffic {
  /** The link that leads outside. */
  outside: string;
  /** Families of which packets within a bridge are filtered, too (br_netfilter). */
  filtersBridges: Family[];
}

/** The traffic that a network needs to pass, as text and as packets. */
function needs(
  { network, link }: HostNetwork,
  family: Family,
  { outside, filtersBridges }: HostTraffic,
): [what: string, packet: Packet][] {
  const pool = network.pools.find((pool) => pool.family === family);
  if (!pool) return [];
  const subnet = parseCidr(pool.subnet);
  const found: [string, Packet][] = [];
  if (!network.internal) {
    found.push(
      ["what containers send out", { in: link, out: outside, source: subnet, state: "new" }],
      ["answers to containers", {
        in: outside,
        out: link,
        destination: subnet,
        state: "established",
      }],
    );
  }
  // The uplinks of overlays' containers must not reach each other anyway.
  if (network.role !== "gateway" && filtersBridges.includes(family)) {
    found.push(["what containers send each other", {
      in: link,
      out: link,
      source: subnet,
      destination: subnet,
      state: "new",
    }]);
  }
  return found;
}

/** One finding for all needed traffic that a filter drops. */
function judge({ filter, families }: Seen, bridges: HostNetwork[], host: HostTraffic): Finding[] {
  const dropped = families.flatMap((family) =>
    bridges.flatMap((bridge) =>
      needs(bridge, family, host).flatMap(([what, packet]) => {
        const { verdict, sure } = outcome(filter, packet);
        return verdict === "drop" ? [{ family, bridge, what, sure }] : [];
      })
    )
  );
  if (dropped.length === 0) return [];
  const names = [...new Set(dropped.map(({ bridge }) => `"${bridge.network.name}"`))];
  const whats = [...new Set(dropped.map(({ what }) => what))];
  const ip = [...new Set(dropped.map(({ family }) => `IPv${family}`))];
  const sure = dropped.some((one) => one.sure);
  const text = `${whose(filter)} ${sure ? "drops" : "may drop"} ${enumerate(whats)} on network${
    names.length > 1 ? "s" : ""
  } ${enumerate(names)} (${enumerate(ip)}, ${filter.name})`;
  const links = [...new Set(dropped.map(({ bridge }) => bridge.link))];
  return [(sure ? problem : warning)(text, remedyFor(filter, { family: families[0]!, links }))];
}

function checkSettings(runner: Runner, bridges: HostNetwork[], outside: string): Finding[] {
  const outward = bridges.filter(({ network }) => !network.internal);
  const six = outward.filter(({ network }) => network.ipv6);
  // IPv4 forwarding is set on the link that a packet arrives on, IPv6 forwarding by one setting for all.
  const off = [
    ...[...outward.map(({ link }) => link), ...outward.length > 0 ? [outside] : []]
      .map((name) => `ipv4/conf/${name}/forwarding`)
      .filter((name) => netSetting(runner, name) === "0")
      .map((name) => `net.${name.replaceAll("/", ".")}`),
    ...six.length > 0 && netSetting(runner, "ipv6/conf/all/forwarding") === "0"
      ? ["net.ipv6.conf.all.forwarding"]
      : [],
  ];
  return off.map((name) =>
    problem(
      `The host doesn't forward: ${name} is 0, so containers reach nothing outside`,
      `Switch it on: sysctl -w ${name}=1; and look for who switches it off, e.g. in /etc/sysctl.d`,
    )
  );
}

/** Checks the kernel's settings, and the filters of every program. */
export async function checkForwarding(check: CheckContext): Promise<Finding[]> {
  const { context, runner } = check;
  const bridges = hostNetworks(context);
  if (bridges.length === 0) {
    return [ok("There is no bridge network that forwarding could matter to")];
  }
  const filtersBridges = ([[4, "iptables"], [6, "ip6tables"]] as [Family, string][])
    .filter(([, tables]) => netSetting(runner, `bridge/bridge-nf-call-${tables}`) === "1")
    .map(([family]) => family);
  const host = { outside: await uplink(runner, bridges), filtersBridges };
  const findings = [
    ...checkSettings(runner, bridges, host.outside),
    ...(await filters(runner)).flatMap((seen) => judge(seen, bridges, host)),
  ];
  return findings.length > 0 ? findings : [
    ok("The host forwards, and no firewall drops what containers send and receive"),
  ];
}
