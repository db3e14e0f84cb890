import { DriverHost } from "../../tests/harness/driver_host.ts";
import { driverConformance } from "../testing/conformance.ts";
import { hostDriver } from "./host_driver.ts";
import { nullDriver } from "./null_driver.ts";

for (const driver of [hostDriver, nullDriver]) {
  driverConformance(driver, () => DriverHost.create(() => driver));
}
