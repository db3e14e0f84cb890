/**
 * The form of a check, and what it can inspect.
 *
 * @module
 */
import type { Runner } from "../../lib/linux/tools/runner.ts";
import type { Finding, Trouble } from "../../lib/api/types.ts";
import type { Context } from "../controllers/context.ts";
import type { Hosts } from "../controllers/hosts/hosts.ts";
import type { HostResolvConf } from "../dns/files/resolv_conf.ts";
import type { NamesServer } from "../dns/thread/resolver_thread.ts";
import type { UnderlayWatch } from "../machine/underlay.ts";
import type { Admission } from "../model/shared/admission.ts";
import type { StoreLink } from "../model/shared/store_link.ts";
import type { Reconciler } from "../reconcile/host.ts";
import type { Probes } from "./probes/probes.ts";

/** What checks ask about the cluster of `init`'s. */
export interface ClusterView {
  inCluster: boolean;
  /** Whether this host is a voter with an etcd of its own. */
  votes: () => boolean;
  troubles: () => Promise<Trouble[]>;
  /** TCP ports of voters that this host needs. */
  ports: () => Promise<{ name: string; address: string; ports: number[] }[]>;
  /** UDP port that the tunnel of encrypted networks is to have; `undefined` where it has it. */
  wireguardPort: () => number | undefined;
}

/** What checks can inspect. */
export interface CheckContext {
  context: Context;
  runner: Runner;
  hosts: Hosts;
  reconciler: Reconciler;
  /** Absent for the embedded store, which is always reachable. */
  link: StoreLink | undefined;
  /** Which others besides the hosts can write to the shared store. */
  exposure: string | undefined;
  /** Decides which records of the shared store this host accepts. */
  admission: Admission;
  /** Absent on a host that isn't in a cluster. */
  probes: Probes | undefined;
  underlay: Pick<UnderlayWatch, "current" | "refresh">;
  /** The cluster that this host is in. */
  cluster: ClusterView;
  stateDir: string;
  /** Time to live of this host's lease, in milliseconds. */
  leaseTtl: number;
  resolvConf: HostResolvConf;
  /** Serves the names of sandboxes. */
  names: Pick<NamesServer, "expect">;
}

/** Examines one subject. An error that it throws is reported as a problem of the check itself. */
export type Check = (context: CheckContext) => Promise<Finding[]> | Finding[];
