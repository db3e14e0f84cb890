import { DriverHost } from "../../tests/harness/driver_host.ts";
import { overlayDriver } from "../../tests/harness/underlay.ts";
import { driverConformance } from "../testing/conformance.ts";

const UNDERLAY = { address: "192.0.2.1", interface: "u0", mtu: 1500 };

/** A host of an underlay on which there is no other. */
async function lonelyHost(): Promise<DriverHost> {
  const host = await DriverHost.create(overlayDriver, UNDERLAY);
  await host.home.ip(
    "link add name u0 type veth peer name u1",
    "addr add 192.0.2.1/24 dev u0",
    "link set dev u0 up",
    "link set dev u1 up",
  );
  return host;
}

await using probe = await DriverHost.create(overlayDriver);
driverConformance(probe.driver, lonelyHost);
