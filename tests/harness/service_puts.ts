/**
 * Services as tests write them into a store, without what is theirs alone.
 *
 * @module
 */
import type { Put } from "../../kv/store.ts";
import { keys } from "../../server/model/keys.ts";
import type { ServiceRecord } from "../../server/model/records.ts";
import { serviceRecords } from "../../server/model/repository/services.ts";

/** Both records of a service. */
export function servicePuts(service: ServiceRecord): Put[] {
  return serviceRecords.puts(service);
}

/** The keys of both. */
export function serviceKeys(network: string, id: string): string[] {
  return [keys.service(network, id), keys.endpoint(network, id)];
}
