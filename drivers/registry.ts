/**
 * All drivers of a daemon.
 *
 * @module
 */
import { BridgeDriver } from "./bridge/bridge_driver.ts";
import type { Driver } from "./driver.ts";
import { hostDriver } from "./host/host_driver.ts";
import { nullDriver } from "./null/null_driver.ts";
import type { Runner } from "./runner.ts";

/** The drivers by name. */
export function createDrivers(runner: Runner): Map<string, Driver> {
  return new Map([new BridgeDriver(runner), hostDriver, nullDriver].map((d) => [d.name, d]));
}
