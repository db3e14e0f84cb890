/**
 * `netsvc doctor`: runs the checks one after the other, and reports the findings of each as soon as it ends.
 *
 * @module
 */
import { atMost } from "../../lib/async/deadline.ts";
import { Mutex } from "../../lib/async/mutex.ts";
import { errorChain } from "../../lib/api/errors.ts";
import type { DoctorLine, Finding } from "../../lib/api/types.ts";
import type { Check, CheckContext } from "./check.ts";
import { findingsOf } from "./finding.ts";
import { checkCluster } from "./checks/cluster/cluster.ts";
import { checkDisk } from "./checks/cluster/disk.ts";
import { checkEncryption } from "./checks/encryption/encryption.ts";
import { checkForwarding } from "./checks/forwarding.ts";
import { checkKernel } from "./checks/kernel.ts";
import { checkPeers } from "./checks/peers.ts";
import { checkRecords } from "./checks/records.ts";
import { checkResolvers } from "./checks/resolvers.ts";
import { checkRoutes } from "./checks/routes.ts";
import { checkState } from "./checks/state.ts";
import { checkLease, checkStore } from "./checks/store.ts";
import { checkTools } from "./checks/tools.ts";

/** Default deadline of each check, in milliseconds. */
const DEADLINE_MS = 45_000;

/** A check, the name of its findings, and a description of what it examines. */
export type NamedCheck = readonly [name: string, what: string, check: Check];

export interface DoctorOptions {
  checks?: readonly NamedCheck[];
  /** Deadline of each check, in milliseconds. */
  deadline?: number;
}

/** The checks in their order: those that later ones depend on come first. */
const CHECKS: readonly NamedCheck[] = [
  ["tools", "the programs that the daemon calls", checkTools],
  ["kernel", "what the kernel can do", checkKernel],
  ["disk", "the disk of the state directory", checkDisk],
  ["cluster", "the cluster, its voters and their ports", checkCluster],
  ["store", "the store", checkStore],
  ["records", "what is in the store", checkRecords],
  ["lease", "this host's lease", checkLease],
  ["underlay", "the way to the other hosts, and back", checkPeers],
  ["encryption", "the tunnels of encrypted networks", checkEncryption],
  ["state", "the kernel against the store", checkState],
  ["forwarding", "what the host does with packets of containers", checkForwarding],
  ["dns", "the host's resolvers", checkResolvers],
  ["routes", "routes that overlap networks", checkRoutes],
];

export class Doctor {
  readonly #context: CheckContext;
  readonly #checks: readonly NamedCheck[];
  readonly #deadline: number;
  readonly #runs = new Mutex();

  constructor(
    context: CheckContext,
    { checks = CHECKS, deadline = DEADLINE_MS }: DoctorOptions = {},
  ) {
    this.#context = context;
    this.#checks = checks;
    this.#deadline = deadline;
  }

  /** Runs all checks; concurrent runs would find each other's traces, so a second caller waits. */
  run(tell: (line: DoctorLine) => void, signal: AbortSignal): Promise<void> {
    return this.#runs.run(async () => {
      for (const [name, what, check] of this.#checks) {
        if (signal.aborted) return;
        tell({ checking: what });
        for (const finding of await this.#run(name, check)) tell(finding);
      }
    });
  }

  async #run(name: string, check: Check): Promise<Finding[]> {
    const { problem } = findingsOf(name);
    try {
      const found = await atMost((async () => await check(this.#context))(), this.#deadline);
      return found ?? [
        problem(
          `The check took over ${this.#deadline / 1000} s and was abandoned`,
          "Look into the daemon's log, and whether the machine is overloaded",
        ),
      ];
    } catch (error) {
      return [
        problem(
          `The check failed: ${errorChain(error).join(": ")}`,
          "Fix that first, and look into the daemon's log",
        ),
      ];
    }
  }
}
