/**
 * The keys of services in the store. Pure.
 *
 * @module
 */
import type { Transaction } from "../../../kv/store.ts";
import { keys } from "../../model/keys.ts";
import type { ServiceRecord } from "../../model/records.ts";

/** A transaction that writes a service, too. */
export function withService(
  { checks = [], puts = [], deletes = [] }: Transaction,
  service: ServiceRecord,
): Transaction {
  const put = { key: keys.service(service.network, service.id), value: JSON.stringify(service) };
  return { checks, puts: [put, ...puts], deletes };
}

/** The keys that are a service's alone besides its own: name, addresses, MAC. */
export function ownedKeys(service: ServiceRecord): string[] {
  return [
    keys.serviceName(service.network, service.name),
    ...service.addresses.map((a) => keys.address(service.network, a.split("/")[0]!)),
    keys.mac(service.network, service.mac),
  ];
}
