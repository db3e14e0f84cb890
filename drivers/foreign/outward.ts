/**
 * The links of the host that lead outside.
 *
 * @module
 */
import { type ObservedLink, showLinks, showRoutes } from "../../lib/linux/net/observe.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";

/** The attributes of a link that decide. */
type Link =
  & Pick<ObservedLink, "ifname" | "ifalias" | "master" | "linkinfo">
  & Partial<Pick<ObservedLink, "flags" | "addr_info">>;

/** Kinds of links by which other programs attach their containers. */
const INWARD = new Set(["bridge", "veth", "ipvlan", "macvlan", "macvtap"]);

/**
 * Whether a link is the host's own end of a veth that leads to a network, as in a container that runs netsvc;
 * container managers give their ends no address, a /32 alone, or such a name (systemd-nspawn).
 */
function isUplink({ ifname, linkinfo, addr_info = [] }: Link): boolean {
  return linkinfo?.info_kind === "veth" && !ifname.startsWith("ve-") &&
    addr_info.some(({ prefixlen, scope }) =>
      scope === "global" && prefixlen !== 32 && prefixlen !== 128
    );
}

/** The links that lead outside: a router's, and all whose kind isn't one for containers. Pure. */
export function pickOutward(
  links: Link[],
  { routed, isOwn }: { routed: ReadonlySet<string>; isOwn: (name: string) => boolean },
): string[] {
  return links.filter((link) => {
    const { ifname, ifalias = "", flags = [], master, linkinfo } = link;
    return ifname && master === undefined && !flags.includes("LOOPBACK") &&
      flags.includes("UP") && !isOwn(ifname) && !ifalias.startsWith("netsvc") &&
      (routed.has(ifname) || isUplink(link) || !INWARD.has(linkinfo?.info_kind ?? ""));
  }).map(({ ifname }) => ifname).sort();
}

/** Reads the host's links that lead outside. @param isOwn whether a link is a bridge of netsvc's, by its name */
export async function outwardLinks(
  runner: Runner,
  isOwn: (name: string) => boolean,
): Promise<string[]> {
  const routes = (family: 4 | 6) => showRoutes(runner, { family, all: true }).catch(() => []);
  const [links, ...all] = await Promise.all([showLinks(runner), routes(4), routes(6)]);
  const routed = new Set(
    all.flat().filter(({ gateway, dst }) => gateway !== undefined || dst === "default")
      .flatMap(({ dev }) => dev === undefined ? [] : [dev]),
  );
  return pickOutward(links, { routed, isOwn });
}
