/**
 * The part of a reconciliation round that deals with containers and the services that they back.
 *
 * @module
 */
import type { Attachments } from "../controllers/endpoints/attachments.ts";
import type { Context } from "../controllers/context.ts";
import type { AdoptedContainers } from "../controllers/adopted/adopted.ts";
import type { SingleFlight } from "../../lib/async/single_flight.ts";
import type { ContainerRecord } from "../model/container.ts";
import type { Sandboxes } from "../sandbox/sandboxes.ts";
import { RoundReport } from "./round_report.ts";
import { shortId } from "../../lib/api/names.ts";

/** A `run --rm` whose client died before it started a process is removed after this time, in ms. */
const ABANDONED_MS = 60_000;

export interface ContainerRoundOptions {
  context: Context;
  attachments: Attachments;
  adopted: AdoptedContainers;
  sandboxes: Sandboxes;
  lanes: SingleFlight;
}

export class ContainerRound {
  readonly #parts: ContainerRoundOptions;
  #report = new RoundReport();

  constructor(parts: ContainerRoundOptions) {
    this.#parts = parts;
  }

  async run(report: RoundReport): Promise<void> {
    this.#report = report;
    await this.#takeBackHalfMade();
    await this.#settleContainers();
    await this.#dropOrphans();
    await this.#settleLegs();
  }

  /** Removes containers that a daemon was making or removing when it died, or failed to remove. */
  async #takeBackHalfMade(): Promise<void> {
    for (const { record } of [...this.#parts.context.state.containers.values()]) {
      const halfMade = record.kind === "own" && record.creating &&
        !this.#parts.context.working.has(record.id);
      const halfGone = record.removing && !this.#parts.context.working.has(record.id);
      if (!halfMade && !halfGone) continue;
      await this.#onContainer(record.id, async () => {
        try {
          await this.#parts.adopted.any.remove(record.id, true);
          this.#report.tell(
            `Removed container ${shortId(record.id)}, which was only half ${
              halfMade ? "made" : "removed"
            }`,
          );
        } catch (error) {
          this.#report.warn(`Cannot remove the container ${shortId(record.id)}`, error);
        }
      });
    }
  }

  /** Acts on a container; the round doesn't wait for the action if plugins are involved. */
  async #onContainer(id: string, action: () => Promise<void>): Promise<void> {
    const { state, drivers } = this.#parts.context;
    const services = [
      ...state.servicesBackedBy(id),
      ...[...state.services.values()].filter(({ record }) => record.auto === id),
    ];
    const byPlugin = services.some(({ record }) => {
      const network = state.networks.get(record.network)?.record;
      return network &&
        (network.ipam !== undefined || drivers.get(network.driver).capabilities.external);
    });
    if (byPlugin) this.#parts.lanes.run(`container ${shortId(id)}`, action);
    else await action();
  }

  /** Reaps containers that ended, or lost their sandbox by a reboot, while no daemon ran. */
  async #settleContainers(): Promise<void> {
    for (const { record } of [...this.#parts.context.state.containers.values()]) {
      // An operation on it is under way, maybe in a plugin; the next round checks it.
      if (this.#parts.context.working.has(record.id)) continue;
      await this.#onContainer(record.id, async () => {
        try {
          await this.#parts.adopted.any.reap(record.id);
          await this.#clearAbandoned(record.id);
          await this.#letGoIdle(record);
        } catch (error) {
          this.#report.warn(`Cannot settle container ${shortId(record.id)}`, error);
        }
      });
    }
  }

  async #clearAbandoned(id: string): Promise<void> {
    const record = this.#parts.context.state.containers.get(id)?.record;
    if (
      record?.kind !== "own" || !record.autoRemove || record.state !== "created" ||
      this.#parts.sandboxes.processes.running(record)
    ) {
      return;
    }
    if (Date.now() - Date.parse(record.created) > ABANDONED_MS) {
      await this.#parts.adopted.any.remove(id, true);
    }
  }

  /** Releases an adopted container whose services moved to other hosts, or whose attachment was cut short. */
  async #letGoIdle({ id, kind, created }: ContainerRecord): Promise<void> {
    if (kind !== "adopted" || Date.now() - Date.parse(created) < ABANDONED_MS) return;
    await this.#parts.adopted.release.ifIdle(id);
  }

  /** Detaches or unpublishes services whose backend is a container of this host that doesn't exist. */
  async #dropOrphans(): Promise<void> {
    const { state, hostId } = this.#parts.context;
    for (const { record } of [...state.services.values()]) {
      const { backend } = record;
      if (backend?.hostId !== hostId || state.containers.has(backend.container)) continue;
      await this.#onContainer(backend.container, async () => {
        try {
          // A service made for its container ends with it; Docker's may still exist, and start again.
          const ends = record.auto === backend.container && backend.runtime === "netsvc";
          if (ends) await this.#parts.attachments.end(undefined, record.id);
          else await this.#parts.attachments.detach(undefined, record.id, { force: true });
          this.#report.tell(`Service ${record.name} has lost its backend, which is gone`);
        } catch (error) {
          this.#report.warn(`Cannot detach the lost backend of service ${record.name}`, error);
        }
      });
    }
  }

  /** Settles uplinks: other hosts may have detached containers, or reattached them, while no daemon ran. */
  async #settleLegs(): Promise<void> {
    if (!this.#parts.context.cluster.loaded()) return;
    for (const id of [...this.#parts.context.state.containers.keys()]) {
      try {
        await this.#parts.attachments.settleUplink(id);
      } catch (error) {
        this.#report.warn(`Cannot settle the way out of container ${shortId(id)}`, error);
      }
    }
  }
}
