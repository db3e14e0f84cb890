/**
 * A driver as controllers call it: changes by netsvc's own drivers run beside each other, but never beside the
 * reconciler; a plugin, which is another program, is called beside everything, and each call for a change is noted.
 * Controllers needn't know which kind it is.
 *
 * @module
 */
import type { Decided, Driver, Join, NetworkSpec, Peer } from "../../drivers/driver.ts";
import type { ReadWriteLock } from "../../lib/async/read_write_lock.ts";
import { DriverFacts } from "./driver_facts.ts";
import type { IntentLog } from "./intent_log.ts";
import { type Changes, NotedDriver } from "./noted_driver.ts";

/** An endpoint that is about to leave. */
export interface Leaving {
  network: NetworkSpec;
  join: Join;
}

/** How a network's record is removed while its driver removes the network. */
export interface Removal {
  /** Throws when something prevents the removal. */
  check(): Promise<void>;
  commit(): Promise<void>;
}

/** What {@linkcode ManagedDriver} needs to keep changes apart from the reconciler, and to note them. */
export interface Management {
  gate: ReadWriteLock;
  intents: IntentLog;
}

/** A driver that is safe to call. */
export class ManagedDriver extends DriverFacts implements Driver {
  readonly #driver: Driver;
  readonly #gate: ReadWriteLock;
  readonly #intents: IntentLog;

  constructor(driver: Driver, { gate, intents }: Management) {
    super(driver);
    this.#driver = driver;
    this.#gate = gate;
    this.#intents = intents;
  }

  /**
   * Changes kernel and store as one: the reconciler sees both changes or neither, and what a plugin has is noted until
   * store and plugin agree. `action` must call the driver through its parameter alone.
   *
   * @param leaving what a plugin has and the store is about to forget
   */
  change<T>(action: (driver: Changes) => Promise<T>, leaving?: Leaving): Promise<T> {
    const { exclusiveWithReconcile, external } = this.capabilities;
    const run = async () => {
      if (!external) return await action(this.#driver);
      const noted = new NotedDriver(this.#driver, this.#intents);
      if (leaving) await noted.noteEnd(leaving.network, leaving.join);
      try {
        return await action(noted);
      } finally {
        await noted.close();
      }
    };
    return exclusiveWithReconcile ? this.#gate.shared(run) : run();
  }

  createNetwork(network: NetworkSpec): Promise<void> {
    return this.change((driver) => driver.createNetwork(network));
  }

  deleteNetwork(network: NetworkSpec): Promise<void> {
    return this.change((driver) => driver.deleteNetwork(network));
  }

  /** Removes a network and its record. A plugin is asked first: it may refuse, and then the network stays. */
  removeNetwork(network: NetworkSpec, { check, commit }: Removal): Promise<void> {
    return this.change(async (driver) => {
      if (!this.capabilities.external) {
        await commit();
        await driver.deleteNetwork(network);
        return;
      }
      await check();
      await driver.deleteNetwork(network);
      await commit();
    });
  }

  join(network: NetworkSpec, join: Join): Promise<Decided | void> {
    return this.change((driver) => driver.join(network, join));
  }

  async unpublish(network: NetworkSpec, join: Join): Promise<void> {
    await this.change(async (driver) => await driver.unpublish?.(network, join));
  }

  leave(network: NetworkSpec, join: Join): Promise<void> {
    return this.change((driver) => driver.leave(network, join), { network, join });
  }

  setPeers(network: NetworkSpec, peers: Peer[]): Promise<void> {
    return this.change((driver) => driver.setPeers(network, peers));
  }
}
