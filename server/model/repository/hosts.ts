/**
 * Hosts in the store: their records, names and leases; on which networks they are alive, and which
 * endpoints they back.
 *
 * @module
 */
import type { Check, Entry, Lease, Put, Store, Transaction } from "../../../kv/store.ts";
import { keys } from "../keys.ts";
import type { HostRecord, MemberRecord } from "../records.ts";
import type { Stored } from "../stored.ts";
import { parsed, ReadOnce, RecordType } from "./record_type.ts";
import { Host, Member } from "./shapes.ts";

const hosts = new RecordType("host", 1, Host);
const members = new RecordType("member", 1, Member);

/** What is read from. */
type Reader = Pick<Store, "get" | "list">;

/** The id or the name that a key holds. */
function textOf(entry: Entry | undefined): string | undefined {
  const value = entry && parsed(entry.value);
  return typeof value === "string" ? value : undefined;
}

/** The owner of a host name, with the revision that says so. */
export interface NameOwner {
  id: string | undefined;
  revision: string | null;
}

/** Records of hosts, with their names and leases. */
export const hostRecords = {
  read: (entry: Entry): Stored<HostRecord> | undefined => hosts.read(entry),

  async get(store: Reader, id: string): Promise<HostRecord | undefined> {
    const entry = await store.get(keys.host(id));
    return entry && hosts.read(entry)?.record;
  },

  async list(store: Pick<Store, "list">): Promise<HostRecord[]> {
    return hosts.readAll(await store.list(keys.hosts));
  },

  /** All hosts that a copy of the store has. */
  of: (copy: { list(prefix: string): Entry[] }): HostRecord[] =>
    hosts.readAll(copy.list(keys.hosts)),

  /** The owner of a name. */
  async ownerOf(store: Reader, name: string): Promise<NameOwner> {
    const entry = await store.get(keys.hostName(name));
    return { id: textOf(entry), revision: entry?.revision ?? null };
  },

  /** Whether a host holds its lease. */
  async isAlive(store: Reader, id: string): Promise<boolean> {
    return await store.get(keys.hostLease(id)) !== undefined;
  },

  /** Ids of all hosts that hold their leases. */
  async alive(store: Reader): Promise<Set<string>> {
    const entries = await store.list(keys.hostLeases);
    return new Set(entries.map(({ key }) => key.slice(keys.hostLeases.length)));
  },

  /** How long ago at least a host renewed its lease, in milliseconds; `undefined` where it holds none, or the store doesn't tell. */
  heardOf: async (
    store: Pick<Store, "leaseAge">,
    id: string,
  ): Promise<number | undefined> => await store.leaseAge?.(keys.hostLease(id)),

  /** Names of all hosts that hold their leases, by id. */
  async aliveNames(store: Pick<Store, "list">): Promise<Map<string, string>> {
    const entries = await store.list(keys.hostLeases);
    return new Map(entries.map((entry) => {
      const id = entry.key.slice(keys.hostLeases.length);
      return [id, textOf(entry) ?? id];
    }));
  },

  /** Puts a host under its name, which must be `owner`'s or free; alive as long as it holds its lease. */
  claim(host: HostRecord, owner: NameOwner, lease: Lease): Transaction {
    const name = keys.hostName(host.name);
    return {
      checks: [{ key: name, revision: owner.revision }],
      puts: [
        { key: keys.host(host.id), value: hosts.write(host) },
        { key: name, value: JSON.stringify(host.id) },
        { key: keys.hostLease(host.id), value: JSON.stringify(host.name), lease },
      ],
    };
  },

  /** Holds while a host has no lease. */
  gone: (id: string): Transaction => ({ checks: [{ key: keys.hostLease(id), revision: null }] }),

  /** Takes the key away that a host holds its lease with: it is dead to all others from then on. */
  end: (id: string): Transaction => ({ deletes: [keys.hostLease(id)] }),

  /** Whether the failed check was the one of {@linkcode gone}. */
  isLease: (key: string, id: string): boolean => key === keys.hostLease(id),

  /** Removes the record of a host that is gone. */
  remove: (id: string): Transaction => ({ deletes: [keys.host(id)] }),

  /** Removes a name from its owner. */
  removeName(name: string, { revision }: NameOwner): Transaction {
    const key = keys.hostName(name);
    return { checks: [{ key, revision }], deletes: [key] };
  },
};

/** A member with its network. */
export interface NetworkMember {
  network: string;
  member: MemberRecord;
}

/** The members of a list: where it is the last one again, so are they. */
const lastMembers = new WeakMap<
  readonly Stored<NetworkMember>[],
  ReadonlyMap<string, MemberRecord>
>();

/** On which networks hosts are alive. */
export const memberRecords = {
  /** The write that makes a host alive on a network for as long as it holds its lease. */
  put: (network: string, member: MemberRecord, lease: Lease): Put => ({
    key: keys.member(network, member.host),
    value: members.write(member),
    lease,
  }),

  /** The network and the host of a member's key. */
  placeOf(key: string): { network: string; host: string } {
    const [, network, host] = key.split("/") as [string, string, string];
    return { network, host };
  },

  read: (entry: Entry): Stored<MemberRecord> | undefined => members.read(entry),

  /** Holds while a host isn't alive on a network. */
  gone: (network: string, host: string): Check => ({
    key: keys.member(network, host),
    revision: null,
  }),

  /** Removes a host from a network, as it was seen there. */
  remove(network: string, host: string, revision: string): Transaction {
    const key = keys.member(network, host);
    return { checks: [{ key, revision }], deletes: [key] };
  },

  /** Takes a host from networks, whatever it does meanwhile. */
  end: (networks: readonly string[], host: string): Transaction => ({
    deletes: networks.map((network) => keys.member(network, host)),
  }),

  /** The revision of a host's key on a network, as a copy has it. */
  revision: (
    copy: { get(key: string): Entry | undefined },
    network: string,
    host: string,
  ): string | undefined => copy.get(keys.member(network, host))?.revision,

  /** All members that a copy of the store has. */
  of: (copy: { list(prefix: string): Entry[] }): MemberRecord[] =>
    members.readAll(copy.list(keys.members)),

  /** Which hosts are alive on a network, by id. */
  async on(store: Reader, network: string): Promise<Map<string, Entry>> {
    const entries = await store.list(keys.membersOf(network));
    return new Map(entries.map((entry) => [memberRecords.placeOf(entry.key).host, entry]));
  },

  /**
   * Which hosts are alive on all networks, by both.
   *
   * @param known what was read before, and isn't read again where it is the same
   */
  async all(
    store: Pick<Store, "list">,
    known: ReadOnce<NetworkMember> = new ReadOnce(),
  ): Promise<ReadonlyMap<string, MemberRecord>> {
    const entries = await store.list(keys.members, { again: known });
    const read = (entry: Entry) => {
      const member = members.read(entry);
      const { network } = memberRecords.placeOf(entry.key);
      return member && { ...member, record: { network, member: member.record } };
    };
    const all = known.readAll(entries, read);
    const before = lastMembers.get(all);
    if (before) return before;
    const byPlace = new Map(
      all.map(({ record: { network, member } }) => [`${network}/${member.host}`, member]),
    );
    lastMembers.set(all, byPlace);
    return byPlace;
  },
};

/** An endpoint that a host backs, from the keys alone. */
export interface Backed {
  network: string;
  endpoint: string;
  /** Name of the service. */
  name: string;
}

/** Which endpoints of global networks a host backs: it resumes them when it returns. */
export const backedRecords = {
  async of(store: Reader, host: string): Promise<Backed[]> {
    const entries = await store.list(keys.backendsOf(host));
    return entries.map((entry) => {
      const [, , network, endpoint] = entry.key.split("/") as [string, string, string, string];
      return { network, endpoint, name: textOf(entry) ?? "" };
    });
  },

  remove: (host: string, network: string, endpoint: string): Transaction => ({
    deletes: [keys.backend(host, network, endpoint)],
  }),

  key: (host: string, network: string, endpoint: string): string =>
    keys.backend(host, network, endpoint),
};
