/**
 * What a check is, and what it looks at.
 *
 * @module
 */
import type { Runner } from "../../lib/linux/tools/runner.ts";
import type { Finding } from "../../lib/api/types.ts";
import type { Context } from "../controllers/context.ts";
import type { Hosts } from "../controllers/hosts/hosts.ts";
import type { HostResolvConf } from "../dns/files/resolv_conf.ts";
import type { Forwarder } from "../dns/upstream/forwarder.ts";
import type { UnderlayWatch } from "../machine/underlay.ts";
import type { Admission } from "../model/shared/admission.ts";
import type { StoreLink } from "../model/shared/store_link.ts";
import type { Reconciler } from "../reconcile/host.ts";
import type { Probes } from "./probes/probes.ts";

/** What the checks look at. */
export interface CheckContext {
  context: Context;
  runner: Runner;
  hosts: Hosts;
  reconciler: Reconciler;
  /** Absent for the embedded store, which is always there. */
  link: StoreLink | undefined;
  /** Who may write into the shared store besides the hosts. */
  exposure: string | undefined;
  /** Looks at the records of the shared store. */
  admission: Admission;
  /** Absent on a host by itself. */
  probes: Probes | undefined;
  underlay: Pick<UnderlayWatch, "current" | "refresh">;
  /** Of this host's lease, in milliseconds. */
  leaseTtl: number;
  resolvConf: HostResolvConf;
  forwarder: Forwarder;
}

/** Finds out about one thing. What it throws is a problem of its own. */
export type Check = (context: CheckContext) => Promise<Finding[]> | Finding[];
