/**
 * The kernel settings that bridge networks need (ip-sysctl of the kernel documentation).
 *
 * @module
 */
import { readFileSync, writeFileSync } from "../../lib/linux/libc.ts";
import { linkNames } from "../../lib/linux/net/netdevice.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";

/** Reads a setting of this namespace under `/proc/sys/net`; `undefined` where the kernel doesn't have it. */
function read(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/net/${name}`).trim();
  } catch {
    return undefined; // The kernel has no such setting, or no IPv6.
  }
}

/** Changes a setting; tells whether it had another value. */
function set(name: string, value: string): boolean {
  const current = read(name);
  if (current === undefined || current === value) return false;
  writeFileSync(`/proc/sys/net/${name}`, value);
  return true;
}

/**
 * A forwarding host ignores router advertisements unless `accept_ra` is 2: keeps those links that accept them
 * accepting.
 */
function keepRouterAdvertisements(): void {
  for (const link of ["default", ...linkNames()]) {
    if (read(`ipv6/conf/${link}/accept_ra`) === "1") set(`ipv6/conf/${link}/accept_ra`, "2");
  }
}

/** A family, as nftables names it. */
export type ForwardFamily = "ipv4" | "ipv6";

/** The families that a network needs. */
export function familiesOf(ipv6: boolean): ForwardFamily[] {
  return ["ipv4", ...ipv6 ? ["ipv6" as const] : []];
}

/** Which families the host forwards, and on whose behalf. */
export interface Forwarding {
  /** Families that another program or the administrator has the host forward, for all packets. */
  others: ForwardFamily[];
  /** Families that netsvc has the host forward, for its own packets only. */
  ours: ForwardFamily[];
}

/**
 * The settings themselves show on whose behalf the host forwards, so that netsvc has nothing to remember and a
 * setting that another program makes later takes effect:
 *
 * - IPv4: the link by which a packet comes in decides. netsvc sets the links and leaves `ip_forward`, which
 *   all other programs set, at 0.
 * - IPv6: `all` decides. Setting `all` sets `default` along with it; netsvc sets `default` back.
 */
export function lookAtForwarding(runner: Runner): Forwarding {
  return runner.within(undefined, () => {
    const four = read("ipv4/ip_forward") === "1";
    const six = read("ipv6/conf/all/forwarding") === "1";
    const foreign = six && read("ipv6/conf/default/forwarding") === "1";
    const links = !four && read("ipv4/conf/default/forwarding") === "1";
    return {
      others: [...four ? ["ipv4" as const] : [], ...foreign ? ["ipv6" as const] : []],
      ours: [...links ? ["ipv4" as const] : [], ...six && !foreign ? ["ipv6" as const] : []],
    };
  });
}

/**
 * Makes the host forward these families, unless it already does on another's behalf; netsvc's table must list them
 * as {@linkcode Forwarding.ours} before. Returns the names of the settings that had to be changed.
 *
 * @param bridge a new link: the others have been looked at before, unless the default shows that somebody
 * has switched all off since; without it all links are looked at
 */
export function forward(
  runner: Runner,
  families: ForwardFamily[],
  { bridge }: { bridge?: string } = {},
): string[] {
  return runner.within(undefined, () => {
    const done: string[] = [];
    const mend = (name: string, value: string) => {
      if (set(name, value)) done.push(`net.${name.replaceAll("/", ".")}`);
    };
    if (families.includes("ipv4") && read("ipv4/ip_forward") === "0") {
      const others = bridge !== undefined && read("ipv4/conf/default/forwarding") === "1"
        ? [bridge]
        : linkNames();
      const links = ["default", ...others]
        .filter((link) => set(`ipv4/conf/${link}/forwarding`, "1"));
      if (links.length > 0) done.push(`net.ipv4.conf.{${links.join()}}.forwarding`);
    }
    if (families.includes("ipv6") && read("ipv6/conf/all/forwarding") === "0") {
      keepRouterAdvertisements();
      mend("ipv6/conf/all/forwarding", "1");
      set("ipv6/conf/default/forwarding", "0");
    } else if (families.includes("ipv6") && read("ipv6/conf/default/forwarding") === "0") {
      keepRouterAdvertisements();
    }
    return done;
  });
}

/**
 * Lets a bridge accept packets from loopback addresses (published ports), and ignore what neighbours say about
 * routes; switches IPv6 off on a bridge without it. Returns the names of the settings that had to be changed.
 */
export function setBridgeSysctls(
  runner: Runner,
  { bridge, ipv6 }: { bridge: string; ipv6: boolean },
): string[] {
  const settings: [string, string][] = [
    [`ipv4/conf/${bridge}/route_localnet`, "1"],
    [`ipv4/conf/${bridge}/accept_redirects`, "0"],
    [`ipv4/conf/${bridge}/send_redirects`, "0"],
    [`ipv6/conf/${bridge}/accept_ra`, "0"],
    [`ipv6/conf/${bridge}/autoconf`, "0"],
    [`ipv6/conf/${bridge}/accept_redirects`, "0"],
    [`ipv6/conf/${bridge}/disable_ipv6`, ipv6 ? "0" : "1"],
  ];
  return runner.within(undefined, () =>
    settings.filter(([name, value]) => set(name, value))
      .map(([name]) => `net.${name.replaceAll("/", ".")}`));
}
