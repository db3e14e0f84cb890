/**
 * A driver whose one network exists by name only: no addresses, no links, nothing to program.
 *
 * @module
 */
import type { Driver } from "../driver.ts";
import { COMMON_OPTIONS, readOptions } from "../options.ts";

export function namesOnlyDriver(name: string): Driver {
  const nothing = async () => {};
  return {
    name,
    capabilities: {
      scope: "local",
      createsNetworks: false,
      addresses: false,
      vni: false,
      gateway: "none",
      exclusiveWithReconcile: true,
      external: false,
    },
    validate: (options) => void readOptions(options, { driver: name, readers: COMMON_OPTIONS }),
    createNetwork: nothing,
    deleteNetwork: nothing,
    join: nothing,
    leave: nothing,
    setPeers: nothing,
    reconcile: () => Promise.resolve({ mended: [], removed: [], failed: [] }),
  };
}
