/**
 * Finds networks whose traffic passes a link in the host's namespace, where the host's routes, settings and
 * filters affect it. Networks of other drivers are separate from these.
 *
 * @module
 */
import type { Context } from "../../controllers/context.ts";
import { networkSpec } from "../../drivers/network_spec.ts";
import type { NetworkRecord } from "../../model/records.ts";

/** A network and its link in the host's namespace. */
export interface HostNetwork {
  network: NetworkRecord;
  link: string;
}

export function hostNetworks(
  { state, drivers }: Pick<Context, "state" | "drivers">,
): HostNetwork[] {
  return [...state.networks.values()].flatMap(({ record: network }) => {
    const link = drivers.get(network.driver).hostLink(networkSpec(network));
    return link === undefined ? [] : [{ network, link }];
  });
}
