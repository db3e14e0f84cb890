/**
 * What is left of a network when its services are gone: the keys of hosts that were alive on it, retired names, and
 * endpoints without a service.
 *
 * @module
 */
import type { Entry, Store, Transaction } from "../../../kv/store.ts";
import { keys } from "../keys.ts";
import { together } from "../transaction.ts";
import { type FencedNetwork, networkRecords } from "./networks.ts";

/** Keys deleted in one transaction. */
const BATCH = 25;

/** Reads the hosts that are alive on a network: a host that attaches later writes its key anew. */
export function networkMembers(store: Pick<Store, "list">, network: string): Promise<Entry[]> {
  return store.list(keys.membersOf(network));
}

/** A network that has no services. */
export interface EmptyNetwork {
  /** Read before its services were listed. */
  stored: FencedNetwork;
  members: Entry[];
}

/**
 * Transactions that delete the remains, as they were read. They hold while no service is published on the network:
 * the endpoint of a service that has just been published isn't one of the remains.
 */
export async function removeRemains(
  store: Pick<Store, "list">,
  { stored, members }: EmptyNetwork,
): Promise<Transaction[]> {
  const { id } = stored.record;
  const remains = [
    ...members,
    ...await store.list(keys.retiredOf(id)),
    ...await store.list(keys.endpointsOf(id)),
  ];
  const all: Transaction[] = [];
  for (let i = 0; i < remains.length; i += BATCH) {
    const batch = remains.slice(i, i + BATCH);
    all.push(together(networkRecords.unpublished(stored), {
      checks: batch.map(({ key, revision }) => ({ key, revision })),
      deletes: batch.map(({ key }) => key),
    }));
  }
  return all;
}
