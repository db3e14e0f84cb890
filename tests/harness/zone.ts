/**
 * Zones as tests write them down: whole.
 *
 * @module
 */
import { Zone, type ZoneFacts, type ZoneService } from "../../server/dns/zones/zone.ts";

/** A network with its services. */
export interface WholeZone extends ZoneFacts {
  services: ZoneService[];
}

/** Puts all services into a new zone, by their place in the list. */
export function buildZone({ services, ...facts }: WholeZone): Zone {
  const zone = new Zone(facts);
  for (const [i, service] of services.entries()) zone.put(String(i), service);
  return zone;
}
