import assert from "node:assert/strict";
import { BridgeDriver } from "../../../drivers/bridge/bridge_driver.ts";
import type { Driver } from "../../../drivers/driver.ts";
import { nullDriver } from "../../../drivers/names_only/null_driver.ts";
import { Drivers } from "../../../drivers/registry.ts";
import { Runner } from "../../../lib/linux/tools/runner.ts";
import type { Context } from "../../controllers/context.ts";
import { ManagedDrivers } from "../../drivers/managed_drivers.ts";
import { hostNetworks } from "./host_networks.ts";

Deno.test("the host's routes and filters matter to networks with a link of the host's, by their drivers", () => {
  const runner = new Runner(); // Nothing is run.
  const drivers = new Drivers(
    new Map<string, Driver>([["bridge", new BridgeDriver(runner)], ["null", nullDriver]]),
    () => assert.fail("there are no plugins"),
  );
  const network = (id: string, driver: string, options = {}) => ({
    record: { id: id.repeat(64), name: id, driver, options, pools: [], ipv6: false },
  });
  const networks = [
    network("a", "bridge"),
    network("b", "null"),
    network("c", "bridge", { "name": "mine" }),
  ];
  const context = {
    state: { networks: new Map(networks.map((one) => [one.record.id, one])) },
    drivers: new ManagedDrivers(drivers, {} as ConstructorParameters<typeof ManagedDrivers>[1]),
  } as unknown as Context;
  const found = hostNetworks(context).map(({ network, link }) => [network.name, link]);
  assert.equal(found.length, 2);
  assert.deepEqual(found[1], ["c", "mine"]);
  assert.match(found[0]![1]!, /a{6}/);
});
