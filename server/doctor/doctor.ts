/**
 * `netsvc doctor`: runs the checks one after the other and tells what each finds as it finds it.
 *
 * @module
 */
import { Mutex } from "../../lib/async/mutex.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import type { Admission } from "../model/shared/admission.ts";
import type { StoreLink } from "../model/shared/store_link.ts";
import type { UnderlayWatch } from "../machine/underlay.ts";
import type { Context } from "../controllers/context.ts";
import type { Hosts } from "../controllers/hosts/hosts.ts";
import type { Forwarder } from "../dns/upstream/forwarder.ts";
import type { HostResolvConf } from "../dns/files/resolv_conf.ts";
import type { Reconciler } from "../reconcile/host.ts";
import { errorChain } from "../../lib/api/errors.ts";
import type { DoctorLine, Finding } from "../../lib/api/types.ts";
import { findingsOf } from "./finding.ts";
import { checkForwarding } from "./checks/forwarding.ts";
import { checkKernel } from "./checks/kernel.ts";
import { checkPeers } from "./checks/peers.ts";
import type { Probes } from "./probes/probes.ts";
import { checkRecords } from "./checks/records.ts";
import { checkResolvers } from "./checks/resolvers.ts";
import { checkRoutes } from "./checks/routes.ts";
import { checkState } from "./checks/state.ts";
import { checkLease, checkStore } from "./checks/store.ts";
import { checkTools } from "./checks/tools.ts";

/** One check may take this long, in milliseconds. */
const DEADLINE_MS = 45_000;

/** What the checks look at. */
export interface Patient {
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
export type Check = (patient: Patient) => Promise<Finding[]> | Finding[];

/** The checks in their order: what later ones build on comes first. */
const CHECKS: [name: string, what: string, check: Check][] = [
  ["tools", "the programs that the daemon calls", checkTools],
  ["kernel", "what the kernel can do", checkKernel],
  ["store", "the store", checkStore],
  ["records", "what is in the store", checkRecords],
  ["lease", "this host's lease", checkLease],
  ["underlay", "the way to the other hosts, and back", checkPeers],
  ["state", "the kernel against the store", checkState],
  ["forwarding", "what the host does with packets of containers", checkForwarding],
  ["dns", "the host's resolvers", checkResolvers],
  ["routes", "routes that overlap networks", checkRoutes],
];

/** Runs the checks on a host. */
export class Doctor {
  readonly #patient: Patient;
  readonly #runs = new Mutex();

  constructor(patient: Patient) {
    this.#patient = patient;
  }

  /** Runs all checks; two at a time would find each other's traces, so a second caller waits. */
  run(tell: (line: DoctorLine) => void, signal: AbortSignal): Promise<void> {
    return this.#runs.run(async () => {
      for (const [name, what, check] of CHECKS) {
        if (signal.aborted) return;
        tell({ checking: what });
        for (const finding of await this.#run(name, check)) tell(finding);
      }
    });
  }

  async #run(name: string, check: Check): Promise<Finding[]> {
    const { problem } = findingsOf(name);
    const late = Promise.withResolvers<Finding[]>();
    const timer = setTimeout(
      () =>
        late.resolve([
          problem(
            `The check took over ${DEADLINE_MS / 1000} s and was given up`,
            "Look into the daemon's log, and whether the machine is overloaded",
          ),
        ]),
      DEADLINE_MS,
    );
    try {
      return await Promise.race([check(this.#patient), late.promise]);
    } catch (error) {
      return [
        problem(
          `The check failed: ${errorChain(error).join(": ")}`,
          "See to that first, and look into the daemon's log",
        ),
      ];
    } finally {
      clearTimeout(timer);
    }
  }
}
