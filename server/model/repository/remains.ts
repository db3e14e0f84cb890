/**
 * What is left of a network when its services are gone: who was alive there, what is remembered of its
 * services, and endpoints whose service nobody knows.
 *
 * @module
 */
import type { Entry, Store, Transaction } from "../../../kv/store.ts";
import { keys } from "../keys.ts";

/** Keys deleted in one transaction. */
const BATCH = 25;

/** Reads the hosts that are alive on a network: whoever attaches later writes its key anew. */
export function networkMembers(store: Pick<Store, "list">, network: string): Promise<Entry[]> {
  return store.list(keys.membersOf(network));
}

/** Transactions that take what nobody misses, as it was read. */
export async function removeRemains(
  store: Pick<Store, "list">,
  { network, members }: { network: string; members: Entry[] },
): Promise<Transaction[]> {
  const remains = [
    ...members,
    ...await store.list(keys.retiredOf(network)),
    ...await store.list(keys.endpointsOf(network)),
  ];
  const all: Transaction[] = [];
  for (let i = 0; i < remains.length; i += BATCH) {
    const batch = remains.slice(i, i + BATCH);
    all.push({
      checks: batch.map(({ key, revision }) => ({ key, revision })),
      deletes: batch.map(({ key }) => key),
    });
  }
  return all;
}
