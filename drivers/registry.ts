/**
 * All drivers of a daemon: netsvc's own, and those of plugins.
 *
 * @module
 */
import { BridgeDriver } from "./bridge/bridge_driver.ts";
import { HostGuard } from "./bridge/host_guard.ts";
import { NetsvcError } from "../lib/api/errors.ts";
import { didYouMean } from "../lib/api/suggest.ts";
import type { Driver } from "./driver.ts";
import { hostDriver } from "./names_only/host_driver.ts";
import { nullDriver } from "./names_only/null_driver.ts";
import { OverlayDriver, type OverlayHost } from "./overlay/overlay_driver.ts";
import type { RemoteDriver } from "./remote/remote_driver.ts";
import type { Runner } from "../lib/linux/tools/runner.ts";

/**
 * The drivers by name; multi-host ones only where `host` describes this host.
 *
 * @param leave names of links of another owner, which stay as they are
 * @param guard netsvc's tables of the host
 */
export function createDrivers(
  runner: Runner,
  host?: OverlayHost,
  leave?: () => ReadonlySet<string>,
  guard: HostGuard = new HostGuard(runner),
): Map<string, Driver> {
  const drivers: Driver[] = [
    new BridgeDriver(runner, leave, guard),
    hostDriver,
    nullDriver,
    ...host ? [new OverlayDriver(runner, host)] : [],
  ];
  return new Map(drivers.map((driver) => [driver.name, driver]));
}

/** netsvc's own drivers and those of plugins, by name. */
export class Drivers {
  readonly #own: ReadonlyMap<string, Driver>;
  readonly #remote = new Map<string, RemoteDriver>();
  readonly #make: (name: string) => RemoteDriver;

  /** @param make makes a plugin's driver; does no I/O, and throws when the name can't be a plugin's */
  constructor(own: ReadonlyMap<string, Driver>, make: (name: string) => RemoteDriver) {
    this.#own = own;
    this.#make = make;
  }

  /**
   * The driver of a name: one that netsvc doesn't have itself is a plugin's, which is looked for when it is first
   * used.
   *
   * @throws {NetsvcError} `invalid` when no driver can have such a name
   */
  get(name: string): Driver {
    const known = this.#own.get(name) ?? this.#remote.get(name);
    if (known) return known;
    let remote: RemoteDriver;
    try {
      remote = this.#make(name);
    } catch (cause) {
      throw new NetsvcError("invalid", this.unknown(name), { cause });
    }
    this.#remote.set(name, remote);
    return remote;
  }

  /** The driver of netsvc's that was probably meant, as a question. */
  meant(name: string): string {
    return didYouMean(name, this.#own.keys());
  }

  /** The message that there is no driver of that name. */
  unknown(name: string): string {
    return `Unknown driver ${JSON.stringify(name)}; known: ${
      [...this.#own.keys()].sort().join(", ")
    }`;
  }

  /** netsvc's own drivers. */
  own(): Driver[] {
    return [...this.#own.values()];
  }

  /** The plugins' drivers that were asked for so far. */
  remote(): RemoteDriver[] {
    return [...this.#remote.values()];
  }

  /** Forgets the driver of a plugin that turned out not to exist. */
  forget(name: string): void {
    this.#remote.delete(name);
  }
}
