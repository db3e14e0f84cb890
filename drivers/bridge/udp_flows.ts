/**
 * UDP flows that began before a port was redirected: their conntrack entries would lead them to the old place for
 * ever.
 *
 * @module
 */
import type { PublishedPort } from "../../lib/api/types.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";

/** Ends the flows to these host ports, so that their next packets are translated anew. */
export async function endUdpFlows(runner: Runner, ports: PublishedPort[]): Promise<void> {
  for (const { protocol, hostPort } of ports) {
    if (protocol !== "udp") continue;
    for (const family of ["ipv4", "ipv6"]) {
      await runner.run({
        tool: "conntrack",
        args: ["-D", "-f", family, "-p", "udp", "--orig-port-dst", String(hostPort)],
      }).catch(() => {}); // No such flow, or no conntrack tool: stale flows then expire by themselves.
    }
  }
}
