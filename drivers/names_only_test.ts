import { DriverHost } from "../tests/harness/driver_host.ts";
import { driverConformance } from "./conformance.ts";
import { hostDriver } from "./host/host_driver.ts";
import { nullDriver } from "./null/null_driver.ts";

for (const driver of [hostDriver, nullDriver]) {
  driverConformance(driver, () => DriverHost.create(() => driver));
}
