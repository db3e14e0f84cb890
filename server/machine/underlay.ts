/**
 * This host's address on the network that connects the hosts (the underlay).
 *
 * @module
 */
import type { Underlay } from "../../drivers/driver.ts";
import { dumpLinks } from "../../lib/linux/net/link_dump.ts";
import { type ObservedLink, routeTo, showRoutes } from "../../lib/linux/net/observe.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import { isHostIp, tryParseIp } from "../../lib/ip/cidr.ts";

/** The fields of a link that are read. */
interface ShownLink extends Pick<ObservedLink, "ifname" | "ifalias" | "mtu"> {
  addr_info?: Pick<ObservedLink["addr_info"][number], "local" | "scope">[];
}

const NUMERIC = /^[0-9.]+$|:/;

/** Addresses that another host could reach, with their links; IPv4 first. */
export function reachable(links: ShownLink[]): Underlay[] {
  const all = links.flatMap(({ ifname, mtu, addr_info }) =>
    (addr_info ?? []).filter(({ scope }) => scope === "global")
      .map(({ local }) => ({ address: local, interface: ifname, mtu }))
  );
  return [
    ...all.filter(({ address }) => !address.includes(":")),
    ...all.filter(({ address }) => address.includes(":")),
  ];
}

/** Whether other hosts accept an address as a host's. */
function canBeReached(address: string): boolean {
  const ip = tryParseIp(address);
  return ip !== undefined && isHostIp(ip);
}

/** Bridges of netsvc and other container engines: their addresses are local to this host. */
const OF_CONTAINERS =
  /^(ns[bv][0-9a-f]{12}|docker0|docker_gwbridge|br-[0-9a-f]{12}|podman\d+|cni-?\w*|virbr\d+|lxc(br|dbr)\d+)$/;

function leadsOut(link: ShownLink): boolean {
  return !OF_CONTAINERS.test(link.ifname) && !isNetsvcs(link);
}

/** Whether a link is one that netsvc has made. */
function isNetsvcs({ ifname, ifalias = "" }: ShownLink): boolean {
  return /^ns[bv][0-9a-f]{12}$/.test(ifname) || ifalias.startsWith("netsvc");
}

/** Which address to advertise. */
export interface UnderlayWish {
  /** `--advertise`. */
  advertise?: string | undefined;
  /** The source address of the route to the store. */
  preferred?: string | undefined;
}

/**
 * Picks the address to advertise. Pure.
 *
 * @param advertise an address, or the name of a link; without it, `preferred` or the first
 * @throws {NetsvcError} `invalid` when this host has no such address or link
 */
export function pickUnderlay(
  links: ShownLink[],
  { advertise, preferred }: UnderlayWish = {},
): Underlay | undefined {
  const all = reachable(links);
  if (advertise === undefined) {
    return all.find(({ address }) => address === preferred) ?? reachable(links.filter(leadsOut))[0];
  }
  const every = links.flatMap(({ ifname, mtu, addr_info }) =>
    (addr_info ?? []).map(({ local }) => ({ address: local, interface: ifname, mtu }))
  );
  const found = every.find(({ address }) => address === advertise) ??
    all.find((underlay) => underlay.interface === advertise);
  const link = links.find(({ ifname }) => ifname === found?.interface);
  if (found && link && isNetsvcs(link)) {
    throw new NetsvcError(
      "invalid",
      `Invalid --advertise "${advertise}": ${found.address} is of netsvc's own "${found.interface}", which no other host ` +
        `reaches${others(links)}`,
    );
  }
  if (found && !canBeReached(found.address)) {
    throw new NetsvcError(
      "invalid",
      `Invalid --advertise "${advertise}": other hosts can't reach ${found.address}`,
    );
  }
  if (found) return found;
  throw new NetsvcError(
    "invalid",
    `Invalid --advertise "${advertise}": this host has no such address or interface with one${
      others(links)
    }`,
  );
}

/** What could be given instead. */
function others(links: ShownLink[]): string {
  const has = reachable(links.filter(leadsOut))
    .map((underlay) => `${underlay.interface} ${underlay.address}`).join(", ");
  return `; it has ${has || "none"}`;
}

/** Follows the host's address. */
export class UnderlayWatch {
  readonly #runner: Runner;
  readonly #advertise: string | undefined;
  readonly #peers: string[];
  #current: Underlay | undefined;
  #addresses: readonly string[] = [];

  /** @param peers addresses that the underlay must reach, e.g. the store's, most important first */
  constructor(runner: Runner, advertise: string | undefined, peers: string[]) {
    this.#runner = runner;
    this.#advertise = advertise;
    this.#peers = peers.filter((host) => NUMERIC.test(host));
  }

  /** As of the last {@linkcode refresh}. */
  get current(): Underlay | undefined {
    return this.#current;
  }

  /** All addresses of this host, as CIDRs; as of the last {@linkcode refresh}. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /** Reads the links anew. @throws {NetsvcError} as {@linkcode pickUnderlay} */
  async refresh(): Promise<void> {
    const links = this.#runner.within(undefined, dumpLinks);
    this.#addresses = links.flatMap(({ addr_info }) =>
      addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`)
    );
    const preferred = this.#advertise === undefined ? await this.#source(links) : undefined;
    this.#current = pickUnderlay(links, { advertise: this.#advertise, preferred });
  }

  /** The source address towards the first peer on another host, else towards the default route. */
  async #source(links: ShownLink[]): Promise<string | undefined> {
    for (const peer of this.#peers) {
      const route = await orNone(routeTo(this.#runner, peer));
      if (route && route.dev !== "lo") return route.prefsrc;
    }
    const route = (await orNone(showRoutes(this.#runner, { defaults: true })))?.[0];
    if (route?.prefsrc !== undefined || route?.dev === undefined) return route?.prefsrc;
    // A default route often names only its link, and no source address.
    return reachable(links.filter(({ ifname }) => ifname === route.dev))[0]?.address;
  }
}

/** `undefined` when the lookup fails, e.g. without such a route. */
async function orNone<T>(shown: Promise<T>): Promise<T | undefined> {
  return await shown.catch(() => undefined);
}
