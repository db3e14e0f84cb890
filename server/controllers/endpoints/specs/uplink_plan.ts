/**
 * Networks that span hosts, and some of plugins, have no gateway of their own. A container on one gets a second
 * interface, its uplink, on a bridge network of its host that carries its default route and its published ports and
 * nothing else: containers don't reach each other through it. Pure.
 *
 * @module
 */
import { ifAdopted } from "../../../model/container.ts";
import type { ServiceRecord } from "../../../model/records.ts";
import { shortId } from "../../../../lib/api/names.ts";
import { type SpecContext, wayOutOf } from "./driver_specs.ts";

/** What has to change about a container's uplink. */
export function uplinkPlan(
  context: SpecContext,
  container: string,
): "give" | "keep" | { take: ServiceRecord } {
  const { state } = context;
  const services = state.servicesBackedBy(container).map(({ record }) => record);
  const needed = services.some((service) => wayOutOf(context, service) === "leg");
  const gateway = state.networks.values().find(({ record }) => record.role === "gateway");
  // An uplink that was only published, by a daemon that died then, counts too.
  const leg = gateway && state.serviceByName(gateway.record.id, shortId(container))?.record;
  if (leg && !needed) return { take: leg };
  if (leg?.backend) return "keep";
  const other = ifAdopted(state.containers.get(container)?.record)?.hasRoute ||
    services.some((service) => wayOutOf(context, service) === "own");
  return needed && !other ? "give" : "keep";
}
