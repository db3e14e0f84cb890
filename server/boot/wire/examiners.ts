/**
 * Wires the parts that compare this host with its desired state: the reconciler, and the doctor.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { ProbeListener } from "../../../drivers/overlay/probe/probe_listener.ts";
import { SingleFlight } from "../../../lib/async/single_flight.ts";
import { errorChain } from "../../../lib/api/errors.ts";
import type { Context } from "../../controllers/context.ts";
import { Doctor } from "../../doctor/doctor.ts";
import { fullSize } from "../../doctor/probes/full_size.ts";
import { Probes } from "../../doctor/probes/probes.ts";
import { Reconciler } from "../../reconcile/host.ts";
import type { Boot } from "../boot.ts";
import type { Host } from "../open/host.ts";
import type { Stores } from "../open/stores.ts";
import type { Controllers } from "./controllers.ts";

const log = getLogger(["netsvc", "lanes"]);

export interface Examiners {
  /** Background work that no caller awaits. */
  lanes: SingleFlight;
  reconciler: Reconciler;
  /** Absent on a host that isn't in a cluster. */
  probes: Probes | undefined;
  doctor: Doctor;
}

export interface Examined {
  stores: Stores;
  host: Host;
  context: Context;
  controllers: Controllers;
}

export function wireExaminers(boot: Boot, examined: Examined): Examiners {
  const { stores: { shared }, host, context, controllers } = examined;
  const { attachments, adopted, hosts } = controllers;
  const lanes = new SingleFlight((lane, error) =>
    log.warn("{lane}: {cause}", { lane, cause: errorChain(error).join(": ") })
  );
  boot.stack.defer(() => lanes.idle());
  const reconciler = new Reconciler({
    context,
    attachments,
    adopted,
    sandboxes: host.sandboxes,
    lanes,
  });
  const probes = openProbes(boot, examined);
  const doctor = new Doctor({
    context,
    runner: boot.runner,
    hosts,
    reconciler,
    probes,
    names: host.names,
    leaseTtl: boot.plan.leaseTtl,
    underlay: boot.machine.underlay,
    link: shared.link,
    admission: shared.admission,
    exposure: boot.plan.exposure,
    resolvConf: host.resolvConf,
  });
  return { lanes, reconciler, probes, doctor };
}

function openProbes(boot: Boot, { stores: { shared }, context }: Examined): Probes | undefined {
  if (!shared.link) return undefined;
  const { plan: { settings }, machine: { underlay }, runner, stack } = boot;
  const port = settings.overlayPort;
  const probes = new Probes({
    store: shared.mirror.store,
    hostId: context.hostId,
    lease: () => context.cluster.membership.lease,
    listener: new ProbeListener({ runner, port }),
    underlay: () => underlay.current,
    port,
    fullSize: (from) => fullSize(context, from),
  });
  stack.defer(() => probes.close());
  return probes;
}
