/**
 * What hosts say of their ends of tunnels, and when all are to change their keys. Records of their own: daemons that don't
 * know encrypted networks would leave out a host with a field that they don't know.
 *
 * @module
 */
import { z } from "zod";
import type { Entry, Put, Store, Transaction } from "../../../kv/store.ts";
import { keys } from "../keys.ts";
import type { RotationRecord, TunnelRecord } from "../records.ts";
import { RecordType } from "../repository/record_type.ts";

const text = z.string();
const tunnels = new RecordType<TunnelRecord>(
  "tunnel",
  1,
  z.looseObject({ host: text, key: text, made: text }) as unknown as z.ZodType<TunnelRecord>,
);
const rotations = new RecordType<RotationRecord>(
  "rotation",
  1,
  z.looseObject({ id: text, requested: text }) as unknown as z.ZodType<RotationRecord>,
);

/** What is read from. */
interface Copy {
  list(prefix: string): Entry[];
  get(key: string): Entry | undefined;
}

/** Whether a key is of a record of this file. */
export function concernsTunnels(key: string): boolean {
  return key.startsWith(keys.tunnels) || key === keys.rotation;
}

/** Hosts' ends of tunnels. */
export const tunnelRecords = {
  /** All that a copy of the store has. */
  of: (copy: Pick<Copy, "list">): TunnelRecord[] => tunnels.readAll(copy.list(keys.tunnels)),

  /** A host's, as a copy of the store has it. */
  get(copy: Pick<Copy, "get">, host: string): TunnelRecord | undefined {
    const entry = copy.get(keys.tunnel(host));
    return entry && tunnels.read(entry)?.record;
  },

  put: (record: TunnelRecord): Put => ({
    key: keys.tunnel(record.host),
    value: tunnels.write(record),
  }),

  remove: (host: string): Transaction => ({ deletes: [keys.tunnel(host)] }),
};

/** The last request that all hosts change their keys. */
export const rotationRecord = {
  get(copy: Pick<Copy, "get">): RotationRecord | undefined {
    const entry = copy.get(keys.rotation);
    return entry && rotations.read(entry)?.record;
  },

  async read(store: Pick<Store, "get">): Promise<RotationRecord | undefined> {
    const entry = await store.get(keys.rotation);
    return entry && rotations.read(entry)?.record;
  },

  put: (record: RotationRecord): Put => ({ key: keys.rotation, value: rotations.write(record) }),
};
