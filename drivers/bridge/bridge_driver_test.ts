import { DriverHost } from "../../tests/harness/driver_host.ts";
import { driverConformance } from "../conformance.ts";
import { Runner } from "../runner.ts";
import { BridgeDriver } from "./bridge_driver.ts";

driverConformance(
  new BridgeDriver(new Runner()),
  () => DriverHost.create(({ runner }) => new BridgeDriver(runner)),
);
