/**
 * Who may use published ports of this host. The packet filter sees to it; this is for what the daemon
 * passes on itself, and for a moment in which somebody has taken the filter away.
 *
 * @module
 */
import { addressText, subnetHolds } from "../../../../lib/ip/text.ts";
import type { PortTarget } from "../../../sandbox/ports/ports.ts";
import type { NetworkRecord } from "../../../model/records.ts";
import type { Context } from "../../context.ts";
import { gatewayService } from "./driver_specs.ts";

/** Whether containers of a network have no part in the host's published ports. */
function isKeptOut({ internal, options }: NetworkRecord): boolean {
  return internal || options.host_access === "deny";
}

/** Where what comes to a container's ports is passed on to. */
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
