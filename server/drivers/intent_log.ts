/**
 * What netsvc is about to ask of plugins, noted in this host's store before it is asked: a plugin is another program,
 * so no transaction covers it, and what a crash or a dead plugin left undone is found here and rolled back.
 * Level-triggered: the state says whether an intent was carried through.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Drivers } from "../../drivers/registry.ts";
import type { Join, NetworkSpec } from "../../drivers/driver.ts";
import type { Ipam } from "../../drivers/ipam.ts";
import { errorChain, isAway } from "../../lib/api/errors.ts";
import type { State } from "../model/state.ts";
import { newId } from "../model/identity.ts";
import { intentRecords } from "../model/repository/host_facts.ts";

const log = getLogger(["netsvc", "drivers"]);

/** An object that a plugin has, or is about to be asked for. */
export type Intent =
  & { plugin: string; scope: "local" | "global" }
  & (
    | { kind: "network"; network: NetworkSpec }
    | { kind: "endpoint"; network: NetworkSpec; join: Join }
    | { kind: "pool"; network: string; poolId: string }
    | { kind: "address"; network: string; poolId: string; address: string }
  );

/** Runs an action on a service while no other work on the service runs. */
export interface ServiceLock {
  service<T>(id: string, action: () => Promise<T>): Promise<T>;
}

/** What {@linkcode IntentLog} works with. */
export interface IntentLogOptions {
  state: State;
  locks: ServiceLock;
  /** Services that are being worked on. */
  working: { has(id: string): boolean };
  drivers: Drivers;
  ipam: (name: string) => Ipam;
  /** Whether the contents of the shared store are known. */
  loaded: () => boolean;
  /** Called when an intent is left to {@linkcode IntentLog.settle}. */
  onKept: () => void;
}

/** The intents of this host. */
export class IntentLog {
  readonly #options: IntentLogOptions;
  /** Intents that a change under way owns. */
  readonly #busy = new Set<string>();

  constructor(options: IntentLogOptions) {
    this.#options = options;
  }

  /** Notes an intent; the caller owns it until it is dropped, kept or undone. */
  async note(intent: Intent): Promise<string> {
    const id = newId();
    this.#busy.add(id);
    try {
      await this.#options.state.local.commit(intentRecords.put(id, intent));
    } catch (error) {
      this.#busy.delete(id);
      throw error;
    }
    return id;
  }

  /** Forgets intents that were carried through, or never began. */
  async drop(ids: string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.#options.state.local.commit(intentRecords.delete(ids));
    for (const id of ids) this.#busy.delete(id);
  }

  /** Leaves intents to {@linkcode settle}. */
  keep(ids: string[]): void {
    for (const id of ids) this.#busy.delete(id);
    if (ids.length > 0) this.#options.onKept();
  }

  /** Rolls back intents that weren't carried through, last first; what fails is left to {@linkcode settle}. */
  async undo(ids: string[]): Promise<void> {
    for (const id of ids.toReversed()) {
      try {
        const intent = this.#read(id);
        if (intent && !this.isCarriedThrough(intent)) await this.#takeBack(intent);
        await this.drop([id]);
      } catch (error) {
        log.warn("The plugin is told later: {cause}", { cause: errorChain(error).join(": ") });
        this.keep([id]);
      }
    }
  }

  /** Plugins with unsettled intents. */
  plugins(): string[] {
    return [...new Set(this.#all().map(([, { plugin }]) => plugin))];
  }

  /** Settles all of a plugin's intents that no change under way owns; ends when the plugin can't be reached. */
  async settle(plugin: string): Promise<void> {
    for (const [id, intent] of this.#all()) {
      if (intent.plugin !== plugin || this.#busy.has(id)) continue;
      if (intent.scope === "global" && !this.#options.loaded()) continue;
      this.#busy.add(id);
      try {
        await this.#settle(id, intent);
      } catch (error) {
        const cause = errorChain(error).join(": ");
        if (isAway(error)) return log.debug("The plugin is told later: {cause}", { cause });
        // The plugin was told; what it does about that is its own business.
        log.warn("Cannot take back what a plugin has: {cause}", { cause });
        await this.drop([id]);
      } finally {
        this.#busy.delete(id);
      }
    }
  }

  async #settle(id: string, intent: Intent): Promise<void> {
    const settle = async () => {
      if (!this.isCarriedThrough(intent)) await this.#takeBack(intent);
      await this.drop([id]);
    };
    if (intent.kind !== "endpoint") return await settle();
    const { locks, working } = this.#options;
    const { id: service } = intent.join.endpoint;
    // Work under way on the service decides itself.
    if (!working.has(service)) await locks.service(service, settle);
  }

  /** Whether the store says that an intent was carried through. */
  isCarriedThrough(intent: Intent): boolean {
    const { state } = this.#options;
    if (intent.kind === "network") return state.networks.has(intent.network.id);
    if (intent.kind === "endpoint") {
      const { endpoint, sandbox } = intent.join;
      const backend = state.services.get(endpoint.id)?.record.backend;
      return backend?.hostId === state.hostId && backend.container === sandbox.id;
    }
    const network = state.networks.get(intent.network)?.record;
    const pool = network?.ipam?.pools.findIndex(({ poolId }) => poolId === intent.poolId) ?? -1;
    if (!network || pool < 0) return false;
    if (intent.kind === "pool") return true;
    const { gateway, aux = {} } = network.pools[pool]!;
    return intent.address === gateway || Object.values(aux).includes(intent.address) ||
      state.hasAddress(network.id, intent.address);
  }

  async #takeBack(intent: Intent): Promise<void> {
    const { drivers, ipam } = this.#options;
    if (intent.kind === "network") {
      await drivers.get(intent.plugin).deleteNetwork(intent.network);
    } else if (intent.kind === "endpoint") {
      await drivers.get(intent.plugin).leave(intent.network, intent.join);
    } else if (intent.kind === "pool") await ipam(intent.plugin).releasePool(intent.poolId);
    else await ipam(intent.plugin).releaseAddress(intent.poolId, intent.address);
  }

  #read(id: string): Intent | undefined {
    return intentRecords.get(this.#options.state.local, id);
  }

  #all(): [string, Intent][] {
    return intentRecords.all(this.#options.state.local);
  }
}
