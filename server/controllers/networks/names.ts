/**
 * Reserved names of networks. Pure.
 *
 * @module
 */
import type { Driver } from "../../../drivers/driver.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { checkName } from "../../../lib/api/names.ts";
import type { NetworkRecord } from "../../model/records.ts";

/** Name of the network that uplinks are on. */
export const GATEWAY_NETWORK = "netsvc-gateway";
/** Networks that every host has, with their drivers. */
export const PREDEFINED: Record<string, string> = { none: "null", host: "host", bridge: "bridge" };
/** Names that mean something else to `--net`. */
const RESERVED = new Set(["container", "default", GATEWAY_NETWORK]);

/** The driver of a predefined network, by its name in any case; names are stored as they are written. */
function predefinedDriver(name: string): string | undefined {
  const key = name.toLowerCase();
  return Object.hasOwn(PREDEFINED, key) ? PREDEFINED[key] : undefined;
}

/** @throws {NetsvcError} `invalid` when a name is reserved; names differ by more than case */
export function checkReserved(name: string): void {
  if (!RESERVED.has(name.toLowerCase())) return;
  throw new NetsvcError(
    "invalid",
    `The network name "${name}" is reserved in any case; choose another name`,
  );
}

/**
 * Checks `--default-network` against the network of that name, if there is one.
 *
 * @throws {NetsvcError} `invalid`
 */
export function checkDefaultNetwork(
  driver: Pick<Driver, "name" | "capabilities">,
  name: string,
  existing?: NetworkRecord,
): void {
  const of = existing?.driver ?? predefinedDriver(name);
  const value = `${driver.name}:${name}`;
  if (of !== undefined && of !== driver.name) {
    throw new NetsvcError(
      "invalid",
      `Invalid default network "${value}": the network "${name}" is of the driver "${of}"; ` +
        `use "${of}:${name}"`,
    );
  }
  if (of === undefined && !driver.capabilities.createsNetworks) {
    const only = Object.entries(PREDEFINED).find(([, d]) => d === driver.name)?.[0];
    throw new NetsvcError(
      "invalid",
      `Invalid default network "${value}": the driver "${driver.name}" makes no networks; ` +
        `use "${driver.name}:${only}"`,
    );
  }
  if (of !== undefined) return;
  checkName("network", name);
  checkReserved(name);
}
