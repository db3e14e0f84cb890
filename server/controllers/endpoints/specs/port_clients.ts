/**
 * Which clients may use published ports of this host. The packet filter enforces it; this covers what the daemon
 * forwards itself, and moments in which another program has removed the filter's rules.
 *
 * @module
 */
import { addressText, subnetHolds } from "../../../../lib/ip/text.ts";
import type { PortTarget } from "../../../sandbox/ports/ports.ts";
import type { NetworkRecord } from "../../../model/records.ts";
import type { Context } from "../../context.ts";
import { gatewayService } from "./driver_specs.ts";

/** Whether containers of a network may not use the host's published ports. */
function isKeptOut({ internal, options }: NetworkRecord): boolean {
  return internal || options.host_access === "deny";
}

/** Where a connection to a container's ports is forwarded to. */
export function portTarget(context: Context, container: string): PortTarget {
  return (client) => {
    const from = addressText(client);
    const keptOut = [...context.state.networks.values()].some(({ record }) =>
      record.driver === "bridge" && isKeptOut(record) &&
      record.pools.some(({ subnet }) => subnetHolds(subnet, from))
    );
    return keptOut ? undefined : gatewayService(context, container)?.addresses[0]?.split("/")[0];
  };
}
