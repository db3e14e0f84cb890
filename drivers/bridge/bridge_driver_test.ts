import { DriverHost } from "../../tests/harness/driver_host.ts";
import { driverConformance } from "../testing/conformance.ts";
import { Runner } from "../../lib/linux/tools/runner.ts";
import { BridgeDriver } from "./bridge_driver.ts";

driverConformance(
  new BridgeDriver(new Runner()),
  () => DriverHost.create(({ runner }) => new BridgeDriver(runner)),
);
