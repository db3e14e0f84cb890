/**
 * Compares what should be with what is, at start and every so often, and mends the difference.
 *
 * @module
 */
import type { DesiredNetwork } from "../../drivers/driver.ts";
import type { ManagedDriver } from "../drivers/managed_driver.ts";
import { InterfaceTaken } from "../../drivers/links/links.ts";
import { driven, networkSpec } from "../drivers/network_spec.ts";
import { joinOf, peersOf } from "../controllers/endpoints/specs/driver_specs.ts";
import type { Context } from "../controllers/context.ts";
import { ownsSandbox } from "../model/container.ts";
import { ContainerRound, type ContainerRoundOptions } from "./container_round.ts";
import { RoundReport } from "./round_report.ts";
import { shortId } from "../../lib/api/names.ts";

/** What the reconciler works with. */
export type ReconcilerOptions = ContainerRoundOptions;

/** Keeps this host as the store says. */
export class Reconciler {
  readonly #parts: ReconcilerOptions;
  readonly #context: Context;
  readonly #containerRound: ContainerRound;
  #running: Promise<RoundReport> | undefined;
  /** Endpoints whose interface has a name that something else in their container has. */
  readonly #clashing: string[] = [];
  #report = new RoundReport();

  constructor(parts: ReconcilerOptions) {
    this.#parts = parts;
    this.#context = parts.context;
    this.#containerRound = new ContainerRound(parts);
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
    const report = this.#report = new RoundReport();
    await this.#containerRound.run(report);
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
            this.#parts.sandboxes.equip(record).catch((error) =>
              this.#report.warn(`Cannot serve the names of container ${shortId(record.id)}`, error)
            );
          } else this.#parts.sandboxes.serve(record);
        }
      } catch (error) {
        this.#report.warn(`Cannot serve the names of container ${shortId(record.id)}`, error);
      }
      const running = this.#parts.sandboxes.processes.running(record);
      if (running) this.#parts.adopted.any.watch(record, running);
    }
  }

  async #removeStrayNamespaces(): Promise<void> {
    for (const id of this.#context.namespaces.list()) {
      const record = this.#context.state.containers.get(id)?.record;
      if (record && record.state !== "exited") continue;
      try {
        await this.#context.namespaces.remove(id);
        this.#report.tell(`Removed the namespace ${shortId(id)}, which no container has`);
      } catch (error) {
        this.#report.warn(`Cannot remove the namespace ${shortId(id)}`, error);
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
      for (const line of [...report.mended, ...report.removed]) this.#report.tell(line);
      for (const error of report.failed) {
        if (error instanceof InterfaceTaken) this.#clashing.push(error.endpoint);
        else this.#report.warn(`The driver ${driver.name}`, error);
      }
    } catch (error) {
      this.#report.warn(`Cannot reconcile the driver ${driver.name}`, error);
    }
  }

  /** An endpoint whose interface has a name that something else has. */
  async #plugIn(id: string): Promise<void> {
    const service = this.#context.state.services.get(id)?.record.name ?? shortId(id);
    try {
      await this.#parts.attachments.mend(id);
      this.#report.tell(`Plugged in service ${service} by another interface: its own was in use`);
    } catch (error) {
      this.#report.warn(`Cannot plug in service ${service}`, error);
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
}
