/**
 * Networks in the store: the record, and the keys that only one network can own, its name and its VNI. Adding a
 * service to a network moves the network's fence; removing the network checks it.
 *
 * @module
 */
import type { Entry, Put, Store, Transaction } from "../../../kv/store.ts";
import { keys } from "../keys.ts";
import type { NetworkRecord } from "../records.ts";
import type { Stored } from "../stored.ts";
import type { Fragment } from "../transaction.ts";
import { RecordType } from "./record_type.ts";
import { Network } from "./shapes.ts";

const networks = new RecordType("network", 1, Network);

/** Keys besides the record's that only one network can own. */
function ownedKeys({ name, vni }: NetworkRecord): string[] {
  return [keys.networkName(name), ...vni === undefined ? [] : [keys.vni(vni)]];
}

/** A network as the store itself has it, with its fence. */
export interface FencedNetwork extends Stored<NetworkRecord> {
  /** `null` when it has none. */
  fence: string | null;
}

/** Records of networks. */
export const networkRecords = {
  read: (entry: Entry): Stored<NetworkRecord> | undefined => networks.read(entry),

  /** A network from the store itself: a mirror may be a moment behind. */
  async get(store: Pick<Store, "get">, id: string): Promise<FencedNetwork | undefined> {
    const entry = await store.get(keys.network(id));
    const fence = await store.get(keys.networkFence(id));
    const stored = entry && networks.read(entry);
    return stored && { ...stored, fence: fence?.revision ?? null };
  },

  create(network: NetworkRecord): Fragment {
    const owned = ownedKeys(network);
    const id = JSON.stringify(network.id);
    return {
      checks: owned.map((key) => ({ key, revision: null })),
      puts: [
        { key: keys.network(network.id), value: networks.write(network) },
        ...owned.map((key) => ({ key, value: id })),
        networkRecords.moveFence(network.id, network.created),
      ],
      deletes: [],
    };
  },

  /** Holds while no service has been published on the network since it was read. */
  unpublished({ record, fence }: FencedNetwork): Fragment {
    const checks = [{ key: keys.networkFence(record.id), revision: fence }];
    return { checks, puts: [], deletes: [] };
  },

  /** Removes a network; holds while no service has been published on it since it was read. */
  remove(stored: FencedNetwork): Fragment {
    const { record, revision, fence } = stored;
    const key = keys.network(record.id);
    return {
      checks: [{ key, revision }, ...networkRecords.unpublished(stored).checks],
      puts: [],
      deletes: [key, ...ownedKeys(record), ...fence === null ? [] : [keys.networkFence(record.id)]],
    };
  },

  /** Holds while the network is as it was read. */
  unchanged: ({ record, revision }: Stored<NetworkRecord>): Transaction => ({
    checks: [{ key: keys.network(record.id), revision }],
  }),

  /** @param mark any text: only the write counts */
  moveFence: (id: string, mark: string): Put => ({
    key: keys.networkFence(id),
    value: JSON.stringify(mark),
  }),
};
