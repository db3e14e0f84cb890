/**
 * Checks the kernel's features by using each in a temporary namespace.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "../../../lib/linux/libc.ts";
import { ScratchNamespace } from "../../../lib/linux/namespaces/scratch_namespace.ts";
import type { LinkKind } from "../../../lib/linux/net/ops.ts";
import type { Runner } from "../../../lib/linux/tools/runner.ts";
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";
import type { Finding } from "../../../lib/api/types.ts";
import type { CheckContext } from "../check.ts";
import { findingsOf } from "../finding.ts";

const { ok, warning, problem } = findingsOf("kernel");

/** A feature, and how to test it in a namespace. */
interface Feature {
  name: string;
  /** The module that implements it, and the option of the kernel's configuration. */
  module: string;
  config: string;
  /** What doesn't work without it. */
  without: string;
  attempt(runner: Runner, namespace: string): Promise<unknown>;
}

/** NAT with maps and sets, and connection tracking: what netsvc's own table uses. */
const NFT = `table inet probe {
  set s { type ifname . ipv4_addr; }
  map m { type inet_proto . inet_service : ipv4_addr . inet_service; }
  chain nat { type nat hook prerouting priority dstnat; dnat ip to meta l4proto . th dport map @m; }
  chain out { type nat hook postrouting priority srcnat; ct state new masquerade; }
}
`;

const link = (name: string, kind: LinkKind) => (runner: Runner, namespace: string) =>
  runner.apply([{ op: "addLink", name, kind }], namespace);

const FEATURES: Feature[] = [
  {
    name: "veth",
    module: "veth",
    config: "CONFIG_VETH",
    without: "containers can't be connected",
    attempt: link("v0", { type: "veth", peer: { name: "v1" } }),
  },
  {
    name: "bridge",
    module: "bridge",
    config: "CONFIG_BRIDGE",
    without: "there are no bridge networks and no overlay networks",
    attempt: link("b0", { type: "bridge" }),
  },
  {
    name: "VXLAN",
    module: "vxlan",
    config: "CONFIG_VXLAN",
    without: "there are no overlay networks",
    attempt: link("x0", { type: "vxlan", vni: 1, port: 4789 }),
  },
  {
    name: "nftables with NAT",
    module: "nft_chain_nat",
    config: "CONFIG_NF_TABLES_INET and CONFIG_NFT_NAT",
    without: "bridge networks have no way out and no published ports",
    attempt: (runner, namespace) => runner.nft(NFT, namespace),
  },
];

async function failureOf(feature: Feature, runner: Runner): Promise<unknown> {
  using namespace = new ScratchNamespace();
  try {
    await feature.attempt(runner, namespace.path);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** IPv6 in a new namespace: whether the kernel has it, and whether it is enabled on links. */
function ipv6(runner: Runner): "there" | "off" | "absent" {
  using namespace = new ScratchNamespace();
  try {
    const off = runner.within(
      namespace.path,
      () => readFileSync("/proc/sys/net/ipv6/conf/default/disable_ipv6"),
    );
    return off.trim() === "0" ? "there" : "off";
  } catch {
    return "absent";
  }
}

/** Tries to change settings of links; returns the system's error message if that fails. */
function sysctlFailure(runner: Runner): string | undefined {
  const path = "/proc/sys/net/ipv4/conf/default/arp_ignore";
  using namespace = new ScratchNamespace();
  try {
    runner.within(namespace.path, () => writeFileSync(path, "0"));
    return undefined;
  } catch (error) {
    return errorChain(error)[0]!;
  }
}

export async function checkKernel({ runner }: CheckContext): Promise<Finding[]> {
  const results = await Promise.all(
    FEATURES.map(async (feature) => ({ feature, error: await failureOf(feature, runner) })),
  );
  const present = results.filter(({ error }) => error === undefined)
    .map(({ feature }) => feature.name);
  const six = ipv6(runner);
  const sysctl = sysctlFailure(runner);
  if (six === "there") present.push("IPv6");
  return [
    ...present.length > 0 ? [ok(`Network namespaces, ${present.join(", ")} work`)] : [],
    ...results.flatMap(({ feature: { name, module, config, without }, error }) => {
      // The check of tools reports missing programs.
      if (error === undefined || error instanceof NetsvcError && error.code === "unsupported") {
        return [];
      }
      return [problem(
        `The kernel does no ${name} (${errorChain(error)[0]}): ${without}`,
        `Load the module: modprobe ${module}; or use a kernel with ${config}`,
      )];
    }),
    ...sysctl === undefined ? [] : [problem(
      `Settings of the kernel can't be changed (${sysctl}): networks can't be made`,
      "Give the daemon a writable /proc/sys: in systemd ProtectKernelTunables=no, in a container " +
        "--privileged",
    )],
    ...six === "there" ? [] : [warning(
      six === "off"
        ? "IPv6 is switched off for new links: networks with --ipv6 don't work"
        : "The kernel has no IPv6: networks with --ipv6 don't work",
      six === "off"
        ? "Switch it on: sysctl net.ipv6.conf.default.disable_ipv6=0"
        : "Load the module: modprobe ipv6; or boot without ipv6.disable=1",
    )],
  ];
}
