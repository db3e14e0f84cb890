/**
 * Flows of UDP that began before a port was led elsewhere: they would go on to the old place for ever.
 *
 * @module
 */
import type { PublishedPort } from "../../lib/api/types.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";

/** Ends the flows to these ports of the host, so that the next packet is led anew. */
export async function endUdpFlows(runner: Runner, ports: PublishedPort[]): Promise<void> {
  for (const { protocol, hostPort } of ports) {
    if (protocol !== "udp") continue;
    for (const family of ["ipv4", "ipv6"]) {
      await runner.run({
        tool: "conntrack",
        args: ["-D", "-f", family, "-p", "udp", "--orig-port-dst", String(hostPort)],
      }).catch(() => {}); // No such flow, or no such tool: stale flows then end by themselves.
    }
  }
}
