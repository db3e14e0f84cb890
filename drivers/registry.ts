/**
 * All drivers of a daemon.
 *
 * @module
 */
import { BridgeDriver } from "./bridge/bridge_driver.ts";
import type { Driver, NamespaceKeeper, Underlay } from "./driver.ts";
import { hostDriver } from "./host/host_driver.ts";
import { nullDriver } from "./null/null_driver.ts";
import type { Runner } from "./runner.ts";

/** What drivers of many hosts need to know of this one. */
export interface DriverOptions {
  /** Asked anew each time; `undefined` when the host has no address that others reach. */
  underlay(): Underlay | undefined;
  /** UDP port of VXLAN, the same on all hosts. */
  overlayPort: number;
  namespaces: NamespaceKeeper;
}

/** The drivers by name; those of many hosts only where `options` are given. */
export function createDrivers(runner: Runner, _options?: DriverOptions): Map<string, Driver> {
  return new Map([new BridgeDriver(runner), hostDriver, nullDriver].map((d) => [d.name, d]));
}
