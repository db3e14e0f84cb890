/**
 * Containers of this host in its own store: the record and the name. An adopted container has its engine's name,
 * which uses none of netsvc's.
 *
 * @module
 */
import type { Entry, Transaction } from "../../../kv/store.ts";
import { keys } from "../keys.ts";
import { type ContainerRecord, readContainer, storedContainer } from "../container.ts";
import type { Stored } from "../stored.ts";
import type { Fragment } from "../transaction.ts";
import { RecordType } from "./record_type.ts";
import { Container } from "./shapes.ts";

const containers = new RecordType("container", 1, Container);

/** The key of a container's own name. */
function nameKeys({ name, kind }: ContainerRecord): string[] {
  return name === undefined || kind === "adopted" ? [] : [keys.containerName(name)];
}

/** Records of containers. */
export const containerRecords = {
  read(entry: Entry): Stored<ContainerRecord> | undefined {
    const stored = containers.read(entry);
    return stored && { record: readContainer(stored.record), revision: stored.revision };
  },

  create(record: ContainerRecord): Fragment {
    const names = nameKeys(record);
    return {
      checks: [keys.container(record.id), ...names].map((key) => ({ key, revision: null })),
      puts: [
        { key: keys.container(record.id), value: containers.write(storedContainer(record)) },
        ...names.map((key) => ({ key, value: JSON.stringify(record.id) })),
      ],
      deletes: [],
    };
  },

  /** Another state of the same container, perhaps under another name. */
  replace({ record, revision }: Stored<ContainerRecord>, next: ContainerRecord): Fragment {
    const key = keys.container(record.id);
    const before = nameKeys(record);
    const after = nameKeys(next);
    const taken = after.filter((name) => !before.includes(name));
    return {
      checks: [{ key, revision }, ...taken.map((name) => ({ key: name, revision: null }))],
      puts: [
        { key, value: containers.write(storedContainer(next)) },
        ...taken.map((name) => ({ key: name, value: JSON.stringify(next.id) })),
      ],
      deletes: before.filter((name) => !after.includes(name)),
    };
  },

  remove({ record, revision }: Stored<ContainerRecord>): Fragment {
    const key = keys.container(record.id);
    return { checks: [{ key, revision }], puts: [], deletes: [key, ...nameKeys(record)] };
  },

  /** Holds while the container is as it was read. */
  unchanged: ({ record, revision }: Stored<ContainerRecord>): Transaction => ({
    checks: [{ key: keys.container(record.id), revision }],
  }),
};
