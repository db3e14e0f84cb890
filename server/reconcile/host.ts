/**
 * Compares what should be with what is, at start and every so often, and mends the difference.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { DesiredNetwork } from "../../drivers/driver.ts";
import type { ManagedDriver } from "../drivers/managed_driver.ts";
import { InterfaceTaken } from "../../drivers/links/links.ts";
import { driven, networkSpec } from "../drivers/network_spec.ts";
import type { Attachments } from "../controllers/endpoints/attachments.ts";
import { joinOf, peersOf } from "../controllers/endpoints/driver_specs.ts";
import type { Context } from "../controllers/context.ts";
import type { Containers } from "../controllers/containers/containers.ts";
import type { Foreign } from "../controllers/adopted/adopted.ts";
import type { SingleFlight } from "../../lib/async/single_flight.ts";
import { type ContainerRecord, ownsSandbox } from "../model/container.ts";
import type { Sandboxes } from "../sandbox/sandboxes.ts";
import { errorChain } from "../../lib/api/errors.ts";
import { shortId } from "../../lib/api/names.ts";

const log = getLogger(["netsvc", "reconcile"]);
/** A `run --rm` whose client died before it started anything is cleared away after this, in ms. */
const ABANDONED_MS = 60_000;

/** What a round found, in words; empty when all was well. */
export interface RoundReport {
  /** Was wrong, and is right now. */
  mended: string[];
  /** Is still wrong. */
  failed: string[];
}

/** Keeps this host as the store says. */
export class Reconciler {
  readonly #context: Context;
  readonly #containers: Containers;
  readonly #attachments: Attachments;
  readonly #foreign: Foreign;
  readonly #sandboxes: Sandboxes;
  readonly #lanes: SingleFlight;
  #running: Promise<RoundReport> | undefined;
  /** Endpoints whose interface has a name that something else in their container has. */
  readonly #clashing: string[] = [];
  #report: RoundReport = { mended: [], failed: [] };

  constructor(
    context: Context,
    containers: Containers,
    attachments: Attachments,
    foreign: Foreign,
    sandboxes: Sandboxes,
    lanes: SingleFlight,
  ) {
    this.#context = context;
    this.#containers = containers;
    this.#attachments = attachments;
    this.#foreign = foreign;
    this.#sandboxes = sandboxes;
    this.#lanes = lanes;
  }

  /** One round; a second caller gets the round under way. */
  run(): Promise<RoundReport> {
    return this.#running ??= this.#round(false).finally(() => this.#running = undefined);
  }

  /** A round of its own that looks into every sandbox, too. */
  async runThoroughly(): Promise<RoundReport> {
    while (this.#running) await this.#running.catch(() => {}); // Whoever began it hears of it.
    return await (this.#running = this.#round(true).finally(() => this.#running = undefined));
  }

  async #round(thorough: boolean): Promise<RoundReport> {
    const report = this.#report = { mended: [], failed: [] };
    await this.#takeBackHalfMade();
    await this.#settleContainers();
    await this.#dropOrphans();
    await this.#settleLegs();
    await this.#context.gate.exclusive(async () => {
      await this.#removeStrayNamespaces();
      for (const driver of this.#context.drivers.own()) await this.mend(driver, thorough);
    });
    for (const id of this.#clashing.splice(0)) await this.#plugIn(id);
    return report;
  }

  /** Serves the names of all living sandboxes again: the first thing after a restart. */
  adopt(): void {
    for (const { record } of this.#context.state.containers.values()) {
      if (record.state === "exited") continue;
      try {
        if (ownsSandbox(record) && this.#context.namespaces.alive(record.id)) {
          // A daemon that died may have got no further than to take it in.
          // Its names are served at once; its files may take as long as the container has them take.
          if (record.kind === "adopted") {
            this.#sandboxes.equip(record).catch((error) =>
              this.#warn(`Cannot serve the names of container ${shortId(record.id)}`, error)
            );
          } else this.#sandboxes.serve(record);
        }
      } catch (error) {
        this.#warn(`Cannot serve the names of container ${shortId(record.id)}`, error);
      }
      const running = this.#sandboxes.running(record);
      if (running) this.#containers.watchExit(record.id, running);
    }
  }

  /** Containers that the daemon was making or removing when it died, or couldn't be rid of then. */
  async #takeBackHalfMade(): Promise<void> {
    for (const { record } of [...this.#context.state.containers.values()]) {
      const halfMade = record.kind === "own" && record.creating &&
        !this.#containers.isMaking(record.id);
      const halfGone = record.removing && !this.#context.working.has(record.id);
      if (!halfMade && !halfGone) continue;
      await this.#onContainer(record.id, async () => {
        try {
          await this.#containers.remove(record.id, true);
          this.#tell(
            `Removed container ${shortId(record.id)}, which was only half ${
              halfMade ? "made" : "removed"
            }`,
          );
        } catch (error) {
          this.#warn(`Cannot remove the container ${shortId(record.id)}`, error);
        }
      });
    }
  }

  /** Does something about a container; where plugins have to do with it, it is not waited for. */
  async #onContainer(id: string, action: () => Promise<void>): Promise<void> {
    const { state, drivers } = this.#context;
    const services = [
      ...state.servicesBackedBy(id),
      ...[...state.services.values()].filter(({ record }) => record.auto === id),
    ];
    const byPlugin = services.some(({ record }) => {
      const network = state.networks.get(record.network)?.record;
      return network &&
        (network.ipam !== undefined || drivers.get(network.driver).capabilities.external);
    });
    if (byPlugin) this.#lanes.run(`container ${shortId(id)}`, action);
    else await action();
  }

  /** Containers that ended, or whose sandbox went with a boot, while nobody looked. */
  async #settleContainers(): Promise<void> {
    for (const { record } of [...this.#context.state.containers.values()]) {
      // Somebody works on it, maybe with a plugin; the next round looks at it.
      if (this.#context.working.has(record.id)) continue;
      await this.#onContainer(record.id, async () => {
        try {
          await this.#containers.settle(record.id);
          await this.#clearAbandoned(record.id);
          await this.#letGoIdle(record);
        } catch (error) {
          this.#warn(`Cannot settle container ${shortId(record.id)}`, error);
        }
      });
    }
  }

  async #clearAbandoned(id: string): Promise<void> {
    const record = this.#context.state.containers.get(id)?.record;
    if (
      record?.kind !== "own" || !record.autoRemove || record.state !== "created" ||
      this.#sandboxes.running(record)
    ) {
      return;
    }
    if (Date.now() - Date.parse(record.created) > ABANDONED_MS) {
      await this.#containers.remove(id, true);
    }
  }

  /** An adopted container whose services went to other hosts, or whose attachment was cut short. */
  async #letGoIdle({ id, kind, created }: ContainerRecord): Promise<void> {
    if (kind !== "adopted" || Date.now() - Date.parse(created) < ABANDONED_MS) return;
    await this.#foreign.letGo(id);
  }

  /** Services of which the store says that a container of this host backs them, and there is none. */
  async #dropOrphans(): Promise<void> {
    const { state, hostId } = this.#context;
    for (const { record } of [...state.services.values()]) {
      const { backend } = record;
      if (backend?.hostId !== hostId || state.containers.has(backend.container)) continue;
      await this.#onContainer(backend.container, async () => {
        try {
          // One that is only its container's goes with it; Docker's may still be there, and come back.
          const ends = record.auto === backend.container && backend.runtime === "netsvc";
          if (ends) await this.#attachments.end(undefined, record.id);
          else await this.#attachments.detach(undefined, record.id, { force: true });
          this.#tell(`Service ${record.name} has lost its backend, which is gone`);
        } catch (error) {
          this.#warn(`Cannot detach the lost backend of service ${record.name}`, error);
        }
      });
    }
  }

  /** Other hosts may have taken containers off networks, or given them back, while nobody looked. */
  async #settleLegs(): Promise<void> {
    if (!this.#context.cluster.loaded()) return;
    for (const id of [...this.#context.state.containers.keys()]) {
      try {
        await this.#attachments.settleUplink(id);
      } catch (error) {
        this.#warn(`Cannot settle the way out of container ${shortId(id)}`, error);
      }
    }
  }

  async #removeStrayNamespaces(): Promise<void> {
    for (const id of this.#context.namespaces.list()) {
      const record = this.#context.state.containers.get(id)?.record;
      if (record && record.state !== "exited") continue;
      try {
        await this.#context.namespaces.remove(id);
        this.#tell(`Removed the namespace ${shortId(id)}, which no container has`);
      } catch (error) {
        this.#warn(`Cannot remove the namespace ${shortId(id)}`, error);
      }
    }
  }

  /** Compares the networks of a driver; of netsvc's own ones only while nothing else changes them. */
  async mend(driver: ManagedDriver, thorough = false): Promise<void> {
    const loaded = this.#context.cluster.loaded();
    // Where it isn't known what should be, everything would look like a leftover.
    if (driver.capabilities.scope === "global" && !loaded) return;
    try {
      const desired = this.#desired(driver, loaded);
      for (const { network, joins } of desired) {
        const record = this.#context.state.networks.get(network.id)?.record;
        if (record?.scope !== "global") continue;
        for (const join of joins) this.#context.joined.set(driven(driver, record), join);
      }
      const report = await driver.reconcile(desired, thorough);
      for (const line of [...report.mended, ...report.removed]) this.#tell(line);
      for (const error of report.failed) {
        if (error instanceof InterfaceTaken) this.#clashing.push(error.endpoint);
        else this.#warn(`The driver ${driver.name}`, error);
      }
    } catch (error) {
      this.#warn(`Cannot reconcile the driver ${driver.name}`, error);
    }
  }

  /** An endpoint whose interface has a name that something else has. */
  async #plugIn(id: string): Promise<void> {
    const service = this.#context.state.services.get(id)?.record.name ?? shortId(id);
    try {
      await this.#attachments.mend(id);
      this.#tell(`Plugged in service ${service} by another interface: its own was in use`);
    } catch (error) {
      this.#warn(`Cannot plug in service ${service}`, error);
    }
  }

  #desired(driver: ManagedDriver, loaded: boolean): DesiredNetwork[] {
    const { state, working } = this.#context;
    return [...state.networks.values()]
      .filter(({ record }) =>
        record.driver === driver.name && (loaded || record.scope !== "global")
      )
      .map(({ record }) => {
        const joins = state.ownBackends(record.id)
          // Who is at work on a service of a plugin's network doesn't keep the gate.
          .filter(({ id }) => !driver.capabilities.external || !working.has(id))
          .map((service) => joinOf(this.#context, service));
        const peers = record.scope === "global" && joins.length > 0
          ? peersOf(this.#context, record.id)
          : [];
        return { network: networkSpec(record), joins, peers };
      });
  }

  #tell(line: string): void {
    this.#report.mended.push(line);
    log.info("{line}", { line });
  }

  #warn(what: string, error: unknown): void {
    const cause = errorChain(error).join(": ");
    this.#report.failed.push(`${what}: ${cause}`);
    log.warn("{what}: {cause}", { what, cause });
  }
}
