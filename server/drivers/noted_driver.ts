/**
 * A plugin's driver during one change: calls are noted before they are made, and a plugin that can't be reached
 * doesn't prevent an end.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Decided, Driver, Join, NetworkSpec } from "../../drivers/driver.ts";
import { errorChain, isAway } from "../../lib/api/errors.ts";
import type { Intent, IntentLog } from "./intent_log.ts";

const log = getLogger(["netsvc", "drivers"]);

/** Whether the plugin has an object: `unknown` when it couldn't be asked. */
type Presence = "there" | "gone" | "unknown";

/** An object, its note, and whether the plugin has it. */
interface Noted {
  id: string;
  intent: Intent;
  presence: Presence;
}

/** The calls of {@linkcode Driver} that change objects. */
export type Changes = Pick<
  Driver,
  "createNetwork" | "deleteNetwork" | "join" | "leave" | "unpublish" | "setPeers"
>;

/** Notes the calls of a plugin. */
export class NotedDriver implements Changes {
  readonly #driver: Driver;
  readonly #intents: IntentLog;
  /** By id of the endpoint or the network. */
  readonly #noted = new Map<string, Noted>();

  constructor(driver: Driver, intents: IntentLog) {
    this.#driver = driver;
    this.#intents = intents;
  }

  /** Notes an endpoint that the plugin has: the store is about to forget the endpoint. */
  async noteEnd(network: NetworkSpec, join: Join): Promise<void> {
    (await this.#note(network, join)).presence = "there";
  }

  async createNetwork(network: NetworkSpec): Promise<void> {
    const noted = await this.#note(network);
    await this.#driver.createNetwork(network);
    noted.presence = "there";
  }

  async deleteNetwork(network: NetworkSpec): Promise<void> {
    await this.#end(network, undefined, () => this.#driver.deleteNetwork(network));
  }

  async join(network: NetworkSpec, join: Join): Promise<Decided | void> {
    const noted = await this.#note(network, join);
    const decided = await this.#driver.join(network, join);
    noted.presence = "there";
    return decided;
  }

  async leave(network: NetworkSpec, join: Join): Promise<void> {
    await this.#end(network, join, () => this.#driver.leave(network, join));
  }

  async unpublish(network: NetworkSpec, join: Join): Promise<void> {
    await this.#driver.unpublish?.(network, join);
  }

  async setPeers(): Promise<void> {}

  /** Ends an object; a plugin that can't be reached is told later: its container is off the network all the same. */
  async #end(
    network: NetworkSpec,
    join: Join | undefined,
    action: () => Promise<void>,
  ): Promise<void> {
    const noted = await this.#note(network, join);
    noted.presence = "unknown";
    try {
      await action();
      noted.presence = "gone";
    } catch (error) {
      if (!isAway(error)) throw error;
      log.warn("The plugin of network {name} is told later: {cause}", {
        name: network.name,
        cause: errorChain(error).join(": "),
      });
    }
  }

  async #note(network: NetworkSpec, join?: Join): Promise<Noted> {
    const object = join?.endpoint.id ?? network.id;
    const known = this.#noted.get(object);
    if (known) return known;
    const whose = { plugin: this.#driver.name, scope: network.scope, network };
    const intent: Intent = join
      ? { ...whose, kind: "endpoint", join }
      : { ...whose, kind: "network" };
    const noted: Noted = { id: await this.#intents.note(intent), intent, presence: "gone" };
    this.#noted.set(object, noted);
    return noted;
  }

  /** Drops notes on which store and plugin agree; where they differ, or may differ, the note is left to be settled. */
  async close(): Promise<void> {
    const all = [...this.#noted.values()];
    const right = all.filter(({ intent, presence }) =>
      presence === (this.#intents.isCarriedThrough(intent) ? "there" : "gone")
    );
    this.#intents.keep(all.filter((noted) => !right.includes(noted)).map(({ id }) => id));
    await this.#intents.drop(right.map(({ id }) => id));
  }
}
