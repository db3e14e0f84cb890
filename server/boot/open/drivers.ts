/**
 * The daemon's drivers: the machine's, and those of plugins.
 *
 * @module
 */
import { Drivers } from "../../../drivers/registry.ts";
import type { RemoteDriver, RemoteDriverOptions } from "../../../drivers/remote/remote_driver.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { Working } from "../../controllers/working.ts";
import type { State } from "../../model/state.ts";
import type { Boot } from "../boot.ts";

/** What a plugin's driver needs from the daemon. */
export interface PluginDriverOptions {
  state: State;
  /** Services that an operation is under way on. */
  working: Working;
}

/** The driver of a plugin's networks. @throws {NetsvcError} `unsupported` on a machine without plugins */
export function remoteDriver(
  { machine, plugins }: Pick<Boot, "machine" | "plugins">,
  name: string,
  options: RemoteDriverOptions = {},
): RemoteDriver {
  const plugin = plugins.get(name);
  if (machine.remoteDriver) return machine.remoteDriver(plugin, options);
  throw new NetsvcError("unsupported", `There are no plugins here, so no "${name}" either`);
}

export function openDrivers(boot: Boot, { state, working }: PluginDriverOptions): Drivers {
  const options: RemoteDriverOptions = {
    isWanted: ({ endpoint, sandbox }) => {
      const backend = state.services.get(endpoint.id)?.record.backend;
      return !working.has(endpoint.id) && backend?.hostId === state.hostId &&
        backend.container === sandbox.id;
    },
  };
  return new Drivers(boot.machine.drivers, (name) => remoteDriver(boot, name, options));
}
