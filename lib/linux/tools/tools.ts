/**
 * The programs that a daemon calls.
 *
 * @module
 */

/** A program: the Debian package that brings it, and whether a daemon can do without. */
export interface ToolInfo {
  package: string;
  /** What doesn't work without it; absent where nothing much does. */
  optional?: string;
}

/** The programs that drivers call to set up the network, by name. */
export const NETWORK_TOOLS = {
  ip: { package: "iproute2" },
  bridge: { package: "iproute2" },
  nft: { package: "nftables" },
  iptables: {
    package: "iptables",
    optional: "netsvc can't ask other firewalls' FORWARD chains for an exception",
  },
  ip6tables: {
    package: "iptables",
    optional: "netsvc can't ask other firewalls' FORWARD chains of IPv6 for an exception",
  },
  conntrack: {
    package: "conntrack",
    optional: "UDP clients of a published port that moved stay with its old place for a while",
  },
  wg: {
    package: "wireguard-tools",
    optional: "this host can't be on overlay networks that are encrypted",
  },
} as const satisfies Record<string, ToolInfo>;

/** What WireGuard is where the kernel has none. */
export const WIREGUARD_PROGRAM = "wireguard-go";

/** The programs that start containers' processes, by name. */
export const PROCESS_TOOLS = {
  nsenter: { package: "util-linux" },
  setsid: { package: "util-linux" },
  unshare: { package: "util-linux" },
  script: { package: "bsdutils", optional: "containers get no terminal (-t)" },
} as const satisfies Record<string, ToolInfo>;

/** All of them. */
export const TOOLS: Record<string, ToolInfo> = { ...NETWORK_TOOLS, ...PROCESS_TOOLS };

/** Path of a program, from `PATH`; `undefined` when it isn't there. */
export function findProgram(name: string): string | undefined {
  for (const directory of (Deno.env.get("PATH") ?? "").split(":")) {
    const path = `${directory || "."}/${name}`;
    try {
      const { isFile, mode } = Deno.statSync(path);
      if (isFile && ((mode ?? 0) & 0o111) !== 0) return path;
    } catch {
      // Not in this one.
    }
  }
  return undefined;
}

/** How to install a program. */
export function installHint(name: string): string {
  return `Install it: apt-get install ${TOOLS[name]!.package}`;
}
