/**
 * A driver as controllers call it: netsvc's own change the kernel beside each other, but never beside the
 * reconciler; a plugin, which is another program, is asked beside everything, and what it is asked
 * for is noted. Controllers needn't know which it is.
 *
 * @module
 */
import type {
  Decided,
  DesiredNetwork,
  Driver,
  DriverCapabilities,
  HostSpec,
  Join,
  NetworkSpec,
  Peer,
  ReconcileReport,
} from "../../drivers/driver.ts";
import type { ReadWriteLock } from "../../lib/async/read_write_lock.ts";
import type { IntentLog } from "./intent_log.ts";
import { type Changes, NotedDriver } from "./noted_driver.ts";

/** An endpoint that is about to leave. */
export interface Leaving {
  network: NetworkSpec;
  join: Join;
}

/** How a network's record is removed beside what a driver has of it. */
export interface Removal {
  /** Throws when something is in the way. */
  check(): Promise<void>;
  commit(): Promise<void>;
}

/** What {@linkcode ManagedDriver} needs to keep changes apart from the reconciler, and in mind. */
export interface Management {
  gate: ReadWriteLock;
  intents: IntentLog;
}

/** A driver that is safe to call. */
export class ManagedDriver implements Driver {
  readonly #driver: Driver;
  readonly #gate: ReadWriteLock;
  readonly #intents: IntentLog;

  constructor(driver: Driver, { gate, intents }: Management) {
    this.#driver = driver;
    this.#gate = gate;
    this.#intents = intents;
  }

  get name(): string {
    return this.#driver.name;
  }

  get capabilities(): DriverCapabilities {
    return this.#driver.capabilities;
  }

  get missing(): readonly string[] {
    return this.#driver.missing ?? [];
  }

  /**
   * Changes something in kernel and store as one: the reconciler sees both or neither, and of a plugin
   * it is noted until both say the same. Inside, the driver is called by what `action` is given alone.
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

  /** Removes a network and its record. A plugin may refuse, and then the network stays: it is asked first. */
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

  validate(options: Record<string, string>, ipv6?: boolean): void {
    this.#driver.validate(options, ipv6);
  }

  hostLink(network: NetworkSpec): string | undefined {
    return this.#driver.hostLink?.(network);
  }

  async look(): Promise<string[]> {
    return await this.#driver.look?.() ?? [];
  }

  /** The reconciler sees to it that nothing changes meanwhile. */
  reconcile(desired: DesiredNetwork[], thorough?: boolean): Promise<ReconcileReport> {
    return this.#driver.reconcile(desired, thorough);
  }

  async activate(): Promise<void> {
    await this.#driver.activate?.();
  }

  async needsGateway(options: Record<string, string>): Promise<{ 4: boolean; 6: boolean }> {
    const needs = this.capabilities.gateway !== "leg";
    return await this.#driver.needsGateway?.(options) ?? { 4: needs, 6: needs };
  }

  async setHosts(hosts: HostSpec[]): Promise<void> {
    await this.#driver.setHosts?.(hosts);
  }

  async endpointInfo(network: string, endpoint: string): Promise<Record<string, unknown>> {
    return await this.#driver.endpointInfo?.(network, endpoint) ?? {};
  }
}
