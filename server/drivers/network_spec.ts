/**
 * Builds what a driver is told from the record of a network. Pure.
 *
 * @module
 */
import type { NetworkSpec } from "../../drivers/driver.ts";
import type { NetworkRecord } from "../model/records.ts";
import type { ManagedDriver } from "./managed_driver.ts";

/** A network and the driver that makes it. */
export interface Driven {
  driver: ManagedDriver;
  spec: NetworkSpec;
}

/** What the driver is told about a network. */
export function networkSpec(network: NetworkRecord): NetworkSpec {
  const { id, name, scope, internal, ipv6, pools, options, vni } = network;
  return { id, name, scope, internal, ipv6, pools, options, ...vni !== undefined && { vni } };
}

/** A network with its driver, for calls to the driver. */
export function driven(driver: ManagedDriver, network: NetworkRecord): Driven {
  return { driver, spec: networkSpec(network) };
}
