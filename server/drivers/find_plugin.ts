/**
 * Looks for plugins without calling them.
 *
 * @module
 */
import type { Driver } from "../../drivers/driver.ts";
import type { Drivers } from "../../drivers/registry.ts";
import { discoverPlugin, type PluginPlaces } from "../../drivers/remote/plugin/discovery.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import { unknownDriver } from "./managed_drivers.ts";

/**
 * Looks for the plugin of a driver.
 *
 * @throws {NetsvcError} `not_found` naming the drivers there are and the places that were looked at;
 * `invalid` about the plugin's file
 */
export async function findPlugin(
  drivers: Drivers,
  driver: Driver,
  places?: PluginPlaces,
): Promise<void> {
  if (!driver.capabilities.external) return;
  try {
    await discoverPlugin(driver.name, places);
  } catch (error) {
    if (!(error instanceof NetsvcError) || error.code !== "not_found") throw error;
    throw unknownDriver(drivers, { name: driver.name, message: error.message });
  }
}
