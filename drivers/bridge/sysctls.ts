/**
 * The kernel settings that bridge networks need (ip-sysctl of the kernel documentation).
 *
 * @module
 */
import { readFileSync, writeFileSync } from "../../lib/linux/libc.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";

/** A setting of this namespace under `/proc/sys/net`; `undefined` where the kernel has none such. */
function read(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/net/${name}`).trim();
  } catch {
    return undefined; // The kernel has no such setting, or no IPv6.
  }
}

/** Tells whether there was something to change. */
function set(name: string, value: string): boolean {
  const current = read(name);
  if (current === undefined || current === value) return false;
  writeFileSync(`/proc/sys/net/${name}`, value);
  return true;
}

/** Names of all links of the namespace, by proc_pid_net(5). */
function linkNames(): string[] {
  return readFileSync("/proc/net/dev").split("\n").slice(2)
    .map((line) => line.slice(0, line.lastIndexOf(":")).trim()).filter(Boolean);
}

/** A host that forwards stops listening to routers' advertisements unless told to go on. */
function keepRouterAdvertisements(): void {
  for (const link of ["default", ...linkNames()]) {
    if (read(`ipv6/conf/${link}/accept_ra`) === "1") set(`ipv6/conf/${link}/accept_ra`, "2");
  }
}

/** A family, as nftables names it. */
export type ForwardFamily = "ipv4" | "ipv6";

/** Those that a network needs. */
export function familiesOf(ipv6: boolean): ForwardFamily[] {
  return ["ipv4", ...ipv6 ? ["ipv6" as const] : []];
}

/** Which families the host forwards, and whose doing that is. */
export interface Forwarding {
  /** Those that somebody else has it forward: everybody's packets. */
  others: ForwardFamily[];
  /** Those that netsvc has it forward: netsvc's alone. */
  ours: ForwardFamily[];
}

/**
 * Whose doing it is that the host forwards can be seen by how it is set, so that nothing has to be
 * remembered and whoever sets it after netsvc is believed:
 *
 * - IPv4 is decided by the link that a packet comes in by. netsvc sets the links and leaves `ip_forward`,
 *   by which everybody else sets it, at 0.
 * - IPv6 is decided by `all`. Whoever sets that sets `default` along with it; netsvc takes that back.
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
 * Has the host forward these families, as far as nobody else has; netsvc's table must have been told
 * before that they are {@linkcode Forwarding.ours}. Gives the names of the settings that weren't so.
 */
export function forward(runner: Runner, families: ForwardFamily[]): string[] {
  return runner.within(undefined, () => {
    const done: string[] = [];
    const mend = (name: string, value: string) => {
      if (set(name, value)) done.push(`net.${name.replaceAll("/", ".")}`);
    };
    if (families.includes("ipv4") && read("ipv4/ip_forward") === "0") {
      const links = ["default", ...linkNames()]
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
 * Lets a bridge take packets from loopback addresses (published ports), and believe nobody about routes;
 * one without IPv6 has none. Gives the names of the settings that weren't so.
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
