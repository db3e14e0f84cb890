/**
 * Periodic work for plugins, each in a lane of its own: compares their networks with the kernel, delivers
 * calls that failed before, and repeats what plugins that lost their state need to know.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { retry } from "../../lib/async/retry.ts";
import type { Ipams } from "../drivers/ipam/ipams.ts";
import type { Context } from "../controllers/context.ts";
import type { Hosts } from "../controllers/hosts/hosts.ts";
import { type Networks } from "../controllers/networks/networks.ts";
import type { IntentLog } from "../drivers/intent_log.ts";
import type { SingleFlight } from "../../lib/async/single_flight.ts";
import type { Reconciler } from "./host.ts";
import type { StateChange } from "../model/state.ts";
import type { NetworkRecord } from "../model/records.ts";
import { errorChain } from "../../lib/api/errors.ts";

const log = getLogger(["netsvc", "plugins"]);
/** Changes within this time are sent to plugins together, in milliseconds. */
const DELAY_MS = 100;
/** A failed call to a plugin is retried after this time, then in each round, in milliseconds. */
const SOON_MS = 2_000;
/** Pauses between attempts to create the default network, in milliseconds. */
const PAUSES = { first: 1_000, longest: 30_000 };

export interface PluginRoundsOptions {
  context: Context;
  intents: IntentLog;
  lanes: SingleFlight;
  reconciler: Reconciler;
  ipams: Ipams;
  hosts: Hosts;
  networks: Networks;
  /** Driver and name of the default network. */
  defaults: { driver: string; network: string };
}

export class PluginRounds {
  readonly #options: PluginRoundsOptions;
  readonly #unsubscribe: () => void;
  #timer: number | undefined;
  #soon: number | undefined;
  readonly #closed = new AbortController();

  constructor(options: PluginRoundsOptions) {
    this.#options = options;
    this.#unsubscribe = options.context.state.subscribe((changes) => this.#changed(changes));
  }

  /** Starts a round. */
  run(): void {
    const { context, lanes, reconciler, ipams } = this.#options;
    lanes.run("default network", () => this.#ensureDefault());
    this.#settleIntents();
    const records = [...context.state.networks.values()].map(({ record }) => record);
    for (const { ipam } of records) {
      if (ipam?.replay) lanes.run(`addresses of ${ipam.driver}`, () => ipams.refresh(ipam.driver));
    }
    // Include every plugin with a network in the store, even if this process hasn't called it yet.
    const met = new Set(context.drivers.remote());
    for (const { driver } of records) {
      const of = context.drivers.get(driver);
      if (of.capabilities.external) met.add(of);
    }
    for (const driver of met) {
      lanes.run(`networks of ${driver.name}`, () => reconciler.mend(driver));
    }
    this.#tellHosts();
  }

  #settleIntents(): void {
    const { lanes, intents } = this.#options;
    for (const plugin of intents.plugins()) {
      lanes.run(`intents of ${plugin}`, () => intents.settle(plugin));
    }
  }

  /** Retries calls to plugins that have just failed, before the next round. */
  soon(): void {
    if (this.#closed.signal.aborted) return;
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      this.#settleIntents();
    }, SOON_MS);
  }

  /** Creates the default network, if it is a plugin's, as soon as the plugin answers. */
  async #ensureDefault(): Promise<void> {
    const { networks, defaults } = this.#options;
    let said = "";
    const { signal } = this.#closed;
    const retryable = (error: unknown) => {
      const cause = errorChain(error).join(": ");
      // Attempts are frequent: log only a new cause.
      if (cause !== said && !signal.aborted) {
        log.warn("The default network isn't there yet: {cause}", { cause });
      }
      said = cause;
      return true;
    };
    await retry(() => networks.ensureDefault(defaults), { ...PAUSES, retryable, signal }).catch(
      () => {}, // The daemon is stopping.
    );
  }

  #changed(changes: StateChange[]): void {
    const { state, drivers } = this.#options.context;
    const concerned = changes.some(({ type, id, before, after }) => {
      if (type !== "member" && type !== "network") return false;
      const network = state.networks.get(id)?.record ?? (after ?? before) as NetworkRecord;
      return network?.scope === "global" && drivers.get(network.driver).capabilities.external;
    });
    if (concerned) this.#timer ??= setTimeout(() => this.#tellHosts(), DELAY_MS);
  }

  /** Tells plugins whose networks span hosts which hosts are alive. */
  #tellHosts(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { context, lanes, hosts } = this.#options;
    const drivers = new Set(
      [...context.state.networks.values()]
        .filter(({ record }) => record.scope === "global")
        .map(({ record }) => context.drivers.get(record.driver)).filter((driver) =>
          driver.capabilities.external
        ),
    );
    if (drivers.size === 0) return;
    lanes.run("hosts", async () => {
      const living = (await hosts.list()).flatMap(({ address, self, status }) =>
        address !== undefined && status === "up" ? [{ address, self }] : []
      );
      for (const driver of drivers) {
        lanes.run(`hosts of ${driver.name}`, () => driver.setHosts(living));
      }
    });
  }

  /** Starts no further rounds. */
  close(): void {
    this.#closed.abort();
    this.#unsubscribe();
    clearTimeout(this.#timer);
    clearTimeout(this.#soon);
  }
}
