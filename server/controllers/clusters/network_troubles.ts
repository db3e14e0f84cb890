/**
 * Local networks that are mixed up with those of a cluster. Pure.
 *
 * @module
 */
import type { Trouble } from "../../../lib/api/types.ts";
import { cidrsOverlap, parseCidr } from "../../../lib/ip/cidr.ts";

const warning = (message: string, remedy: string): Trouble => ({
  severity: "warning",
  message,
  remedy,
});

/** A network, as far as it can be mixed up. */
export interface NamedNetwork {
  name: string;
  scope: "local" | "global";
  subnets: readonly string[];
}

/** Local networks that a network of the cluster's is mixed up with. */
export function networkTroubles(networks: readonly NamedNetwork[]): Trouble[] {
  const local = networks.filter(({ scope }) => scope === "local");
  const global = networks.filter(({ scope }) => scope === "global");
  return global.flatMap((shared) =>
    local.flatMap((own): Trouble[] => {
      if (own.name.toLowerCase() === shared.name.toLowerCase()) {
        return [warning(
          `The cluster has a network "${shared.name}", and so has this host itself: here the name means its own`,
          `Remove this host's (netsvc network rm ${own.name}), or name the cluster's by its id`,
        )];
      }
      const clash = own.subnets.find((one) =>
        shared.subnets.some((two) => cidrsOverlap(parseCidr(one), parseCidr(two)))
      );
      return clash === undefined ? [] : [warning(
        `Network "${own.name}" of this host (${clash}) overlaps network "${shared.name}" of the cluster: a container ` +
          `on both reaches one of them alone`,
        `Make one of them again with another --subnet`,
      )];
    })
  );
}
