/**
 * Looks whether there can be the default network that the settings name.
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
 * Looks at the setting alone. After a boot the plugin may come later than this daemon; where there is no
 * state no network is known, so it must be there.
 *
 * @throws {NetsvcError} `invalid`, with what is wrong
 */
export async function checkDefaultSetting(boot: Boot): Promise<void> {
  const { settings, defaults } = boot.plan;
  const driver = await ofSetting(boot, () => driversOf(boot).get(defaults.driver));
  checkDefaultNetwork(driver, defaults.network);
  if (!existsSync(settings.stateDir)) await findDefault(boot);
}

/** Compares the setting with the networks that there are. @throws {NetsvcError} `invalid` */
export async function checkDefaultExisting(boot: Boot, state: State): Promise<void> {
  const { driver, network } = boot.plan.defaults;
  const existing = state.networkByName(network);
  checkDefaultNetwork(driversOf(boot).get(driver), network, existing?.record);
  if (!existing) await findDefault(boot);
}

/** Drivers that are asked for what they are, and for nothing else. */
function driversOf(boot: Boot): Drivers {
  return new Drivers(boot.machine.drivers, (name) => remoteDriver(boot, name));
}

async function findDefault(boot: Boot): Promise<void> {
  const { defaults, places } = boot.plan;
  const drivers = driversOf(boot);
  await ofSetting(boot, () => findPlugin(drivers, drivers.get(defaults.driver), places));
}

/** What is wrong with the driver is said of the setting. */
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
