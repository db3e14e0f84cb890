/**
 * Options and addresses in Docker's requests to plugins. Pure.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { NETWORK_OPTION } from "./pools.ts";

/** Docker's key of the options that a user sets. */
export const GENERIC = "com.docker.network.generic";
/** Docker's option of a network without external access. */
export const INTERNAL = "com.docker.network.internal";
/** The request type of a gateway's address, and the key of a pool's gateway. */
export const GATEWAY = "com.docker.network.gateway";
/** MAC address of the endpoint that an address is for. */
export const MAC = "com.docker.network.endpoint.macaddress";

/**
 * Refuses mistyped options of netsvc: ignored, they would silently create another network.
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
