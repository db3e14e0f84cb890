/**
 * The drivers by name, as controllers call them.
 *
 * @module
 */
import type { Driver } from "../../drivers/driver.ts";
import type { Drivers } from "../../drivers/registry.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import { ManagedDriver, type Management } from "./managed_driver.ts";

/** netsvc's own drivers and those of plugins. */
export class ManagedDrivers {
  readonly #drivers: Drivers;
  readonly #management: Management;
  readonly #managed = new WeakMap<Driver, ManagedDriver>();

  constructor(drivers: Drivers, management: Management) {
    this.#drivers = drivers;
    this.#management = management;
  }

  /** @throws {NetsvcError} `invalid` when no driver can have this name */
  get(name: string): ManagedDriver {
    return this.#manage(this.#drivers.get(name));
  }

  /** netsvc's own drivers. */
  own(): ManagedDriver[] {
    return this.#drivers.own().map((driver) => this.#manage(driver));
  }

  /** Drivers of plugins that have been asked for. */
  remote(): ManagedDriver[] {
    return this.#drivers.remote().map((driver) => this.#manage(driver));
  }

  /**
   * Makes sure that a driver's program runs before anything is decided about one of its networks.
   *
   * @throws {NetsvcError} `not_found` naming the drivers there are and the places that were looked at
   */
  async activate(driver: Driver): Promise<void> {
    try {
      await driver.activate?.();
    } catch (error) {
      if (!(error instanceof NetsvcError) || error.code !== "not_found") throw error;
      this.#drivers.forget(driver.name);
      throw unknownDriver(this.#drivers, { name: driver.name, message: error.message });
    }
  }

  #manage(driver: Driver): ManagedDriver {
    const known = this.#managed.get(driver) ?? new ManagedDriver(driver, this.#management);
    this.#managed.set(driver, known);
    return known;
  }
}

/** The error for a name that neither a driver nor a plugin has. */
export function unknownDriver(
  drivers: Drivers,
  { name, message }: { name: string; message: string },
): NetsvcError {
  const meant = drivers.meant(name);
  // A user who mistyped needn't know where plugins are looked for.
  if (meant !== "") {
    return new NetsvcError("not_found", `Unknown driver ${JSON.stringify(name)}${meant}`);
  }
  const looked = message.slice(message.indexOf("looked for"));
  return new NetsvcError("not_found", `${drivers.unknown(name)}; no such plugin either: ${looked}`);
}
