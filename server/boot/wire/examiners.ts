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
import type { MemberWired } from "./member.ts";

const log = getLogger(["netsvc", "lanes"]);

export interface Examiners {
  /** Background work that no caller awaits. */
  lanes: SingleFlight;
  reconciler: Reconciler;
  /** Absent on a host that isn't in a cluster. */
  probes: Probes | undefined;
}

export interface Examined {
  stores: Stores;
  host: Host;
  context: Context;
  controllers: Controllers;
}

export function wireExaminers(boot: Boot, examined: Examined): Examiners {
  const { host, context, controllers: { attachments, adopted } } = examined;
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
  return { lanes, reconciler, probes };
}

/** The doctor, who looks at all of it. */
export function wireDoctor(
  { runner, plan: { leaseTtl, exposure, settings }, machine: { underlay, tunnel } }: Boot,
  { stores: { shared }, host, context, controllers: { hosts }, reconciler, probes, look, member }:
    & Examined
    & Pick<Examiners, "reconciler" | "probes">
    & Pick<MemberWired, "look" | "member">,
): Doctor {
  const { stateDir, wireguardPort } = settings;
  return new Doctor({
    context,
    runner,
    hosts,
    reconciler,
    probes,
    names: host.names,
    cluster: {
      inCluster: member !== undefined,
      votes: () => member?.state.store.kind === "own" && member.state.role === "voter",
      troubles: () => look.troubles(),
      ports: () => look.ports(),
      wireguardPort: () => tunnel && !tunnel.isOpen ? wireguardPort : undefined,
    },
    stateDir,
    leaseTtl,
    underlay,
    link: shared.link,
    admission: shared.admission,
    exposure,
    resolvConf: host.resolvConf,
  });
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
