/**
 * Compares the desired state with the actual one, at start and at an interval, and repairs differences.
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

export type ReconcilerOptions = ContainerRoundOptions;

/** Keeps this host in the state that the store describes. */
export class Reconciler {
  readonly #parts: ReconcilerOptions;
  readonly #context: Context;
  readonly #containerRound: ContainerRound;
  #running: Promise<RoundReport> | undefined;
  /** Endpoints whose interface name is taken by another link in their container. */
  readonly #clashing: string[] = [];
  #report = new RoundReport();

  constructor(parts: ReconcilerOptions) {
    this.#parts = parts;
    this.#context = parts.context;
    this.#containerRound = new ContainerRound(parts);
  }

  /** Runs one round; a second caller gets the round under way. */
  run(): Promise<RoundReport> {
    return this.#running ??= this.#round(false).finally(() => this.#running = undefined);
  }

  /** Runs a separate round that also inspects every sandbox. */
  async runThoroughly(): Promise<RoundReport> {
    while (this.#running) await this.#running.catch(() => {}); // Its own caller gets the error.
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

  /** Serves DNS to all living sandboxes again: the first step after a restart. */
  adopt(): void {
    for (const { record } of this.#context.state.containers.values()) {
      if (record.state === "exited") continue;
      try {
        if (ownsSandbox(record) && this.#context.namespaces.alive(record.id)) {
          // A daemon may have died right after it adopted the container, before it equipped the sandbox.
          // DNS is served at once; the files are not awaited, since the container can delay their writing.
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

  /** Repairs the networks of a driver; for netsvc's own drivers the caller must hold the gate. */
  async mend(driver: ManagedDriver, thorough = false): Promise<void> {
    const loaded = this.#context.cluster.loaded();
    // While the desired state isn't loaded, every link would look like a leftover.
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

  /** Attaches an endpoint whose interface name is taken under another name. */
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
          // Operations on a service of a plugin's network don't hold the gate, so skip such services.
          .filter(({ id }) => !driver.capabilities.external || !working.has(id))
          .map((service) => joinOf(this.#context, service));
        const peers = record.scope === "global" && joins.length > 0
          ? peersOf(this.#context, record.id)
          : [];
        return { network: networkSpec(record), joins, peers };
      });
  }
}
