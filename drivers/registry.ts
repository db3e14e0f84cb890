/**
 * All drivers of a daemon.
 *
 * @module
 */
import { BridgeDriver } from "./bridge/bridge_driver.ts";
import type { Driver } from "./driver.ts";
import { hostDriver } from "./host/host_driver.ts";
import { nullDriver } from "./null/null_driver.ts";
import { OverlayDriver, type OverlayHost } from "./overlay/overlay_driver.ts";
import type { Runner } from "./runner.ts";

/** The drivers by name; the one of many hosts only where it is told of this one. */
export function createDrivers(runner: Runner, host?: OverlayHost): Map<string, Driver> {
  const drivers: Driver[] = [
    new BridgeDriver(runner),
    hostDriver,
    nullDriver,
    ...host ? [new OverlayDriver(runner, host)] : [],
  ];
  return new Map(drivers.map((driver) => [driver.name, driver]));
}
