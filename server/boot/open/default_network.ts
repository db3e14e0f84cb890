/**
 * Checks whether the default network that the settings name can exist.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { Drivers } from "../../../drivers/registry.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { checkDefaultNetwork } from "../../controllers/networks/names.ts";
import { findPlugin } from "../../drivers/find_plugin.ts";
import type { State } from "../../model/state.ts";
import type { Boot } from "../boot.ts";
import { remoteDriver } from "./drivers.ts";

/**
 * Checks the setting alone. After a boot the plugin may start later than this daemon; a daemon without state
 * knows no network yet, so its plugin must be running.
 *
 * @throws {NetsvcError} `invalid`, with the reason
 */
export async function checkDefaultSetting(boot: Boot): Promise<void> {
  const { settings, defaults } = boot.plan;
  const driver = await ofSetting(boot, () => driversOf(boot).get(defaults.driver));
  checkDefaultNetwork(driver, defaults.network);
  if (!existsSync(settings.stateDir)) await findDefault(boot);
}

/** Compares the setting with the existing networks. @throws {NetsvcError} `invalid` */
export async function checkDefaultExisting(boot: Boot, state: State): Promise<void> {
  const { driver, network } = boot.plan.defaults;
  const existing = state.networkByName(network);
  checkDefaultNetwork(driversOf(boot).get(driver), network, existing?.record);
  if (!existing) await findDefault(boot);
}

/** Drivers that are asked only for their capabilities. */
function driversOf(boot: Boot): Drivers {
  return new Drivers(boot.machine.drivers, (name) => remoteDriver(boot, name));
}

async function findDefault(boot: Boot): Promise<void> {
  const { defaults, places } = boot.plan;
  const drivers = driversOf(boot);
  await ofSetting(boot, () => findPlugin(drivers, drivers.get(defaults.driver), places));
}

/** Rewrites an error about the driver as an error about the setting that names the driver. */
async function ofSetting<T>({ plan }: Boot, find: () => T | Promise<T>): Promise<T> {
  try {
    return await find();
  } catch (error) {
    if (!(error instanceof NetsvcError)) throw error;
    const [first, ...rest] = error.message;
    throw new NetsvcError(
      "invalid",
      `Invalid default network "${plan.settings.defaultNetwork}": ${first!.toLowerCase()}${
        rest.join("")
      }`,
      { cause: error.cause },
    );
  }
}
