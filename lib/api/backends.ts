/**
 * The backends of a service, of whatever mode. Pure.
 *
 * @module
 */
import type { Service } from "./types.ts";

/** A container behind a service, with its own endpoint. */
export type Backend = NonNullable<Service["backends"]>[number];

/** All backends, by attachment; the one of mode `single` has the service's endpoint, and all connections. */
export function backendsOf({ id, addresses, mac, backend, backends }: Service): Backend[] {
  if (backends) return backends;
  return backend ? [{ ...backend, id, addresses, mac, weight: 1, state: "active" }] : [];
}
