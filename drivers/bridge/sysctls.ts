/**
 * The kernel settings that bridge networks need (ip-sysctl of the kernel documentation).
 *
 * @module
 */
import { readFileSync, writeFileSync } from "../kernel/libc.ts";
import type { Runner } from "../runner.ts";

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
  for (const link of linkNames()) {
    if (read(`ipv6/conf/${link}/accept_ra`) === "1") set(`ipv6/conf/${link}/accept_ra`, "2");
  }
}

/**
 * Lets the host forward, and a bridge take packets from loopback addresses (published ports). Gives the
 * names of the settings that weren't so.
 */
export function setSysctls(runner: Runner, bridge: string, ipv6: boolean): string[] {
  return runner.within(undefined, () => {
    const settings: [string, string][] = [
      ["ipv4/ip_forward", "1"],
      [`ipv4/conf/${bridge}/route_localnet`, "1"],
      [`ipv6/conf/${bridge}/accept_ra`, "0"],
    ];
    if (ipv6 && read("ipv6/conf/all/forwarding") !== "1") {
      keepRouterAdvertisements();
      settings.push(["ipv6/conf/all/forwarding", "1"]);
    }
    return settings.filter(([name, value]) => set(name, value))
      .map(([name]) => `net.${name.replaceAll("/", ".")}`);
  });
}
