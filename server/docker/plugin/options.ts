/**
 * Options and addresses in what Docker asks its plugins. Pure.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { NETWORK_OPTION } from "./pools.ts";

/** Docker's names of options. */
export const GENERIC = "com.docker.network.generic";
/** Whether a network has no way out. */
export const INTERNAL = "com.docker.network.internal";
/** The type of an address, and what is told of a pool: its gateway. */
export const GATEWAY = "com.docker.network.gateway";
/** MAC address of the endpoint that an address is for. */
export const MAC = "com.docker.network.endpoint.macaddress";

/**
 * Refuses what is meant for netsvc and mistyped: it would silently make another network.
 *
 * @throws {NetsvcError} `invalid`
 */
export function checkOptions(options: Record<string, unknown>): void {
  const wrong = Object.keys(options).find((key) => /^netsvc/i.test(key) && key !== NETWORK_OPTION);
  if (wrong === undefined) return;
  throw new NetsvcError("invalid", `Unknown option "${wrong}"; netsvc knows ${NETWORK_OPTION}`);
}

/** A locally administered unicast MAC address. */
export function randomMac(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(5));
  return ["02", ...bytes.toHex().match(/../g)!].join(":");
}
