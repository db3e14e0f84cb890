/**
 * The static entries by which bridges know their ports, since they learn nothing.
 *
 * @module
 */
import type { EndpointSpec } from "../driver.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { showForwards } from "../../lib/linux/net/observe.ts";
import { vethName } from "./names.ts";
import { planForward } from "./plan.ts";

/** Makes the entries that are missing in a namespace, the host's unless given. */
export async function mendForwards(
  runner: Runner,
  endpoints: EndpointSpec[],
  namespace?: string,
): Promise<void> {
  if (endpoints.length === 0) return;
  const shown = await showForwards(runner, namespace);
  const known = new Set(
    shown.filter(({ master, state }) => master !== undefined && state === "static")
      .map(({ ifname, mac }) => `${ifname} ${mac}`),
  );
  // Each port has an entry of its own.
  const ports = new Set(shown.map(({ ifname }) => ifname));
  const missing = endpoints.filter(({ id, mac }) =>
    ports.has(vethName(id)) && !known.has(`${vethName(id)} ${mac}`)
  );
  await runner.apply(missing.map(planForward), namespace);
}
