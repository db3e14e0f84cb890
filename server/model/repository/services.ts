/**
 * Services and their endpoints in the store: two records, and the keys that only one can own: the name of a service,
 * the addresses and the MAC of an endpoint. A service of mode `single` has one endpoint, which is made with it and has
 * its id.
 *
 * @module
 */
import type { Entry, Put, Revision, Store } from "../../../kv/store.ts";
import { keys } from "../keys.ts";
import type { EndpointRecord, NamedService, NetworkRecord, ServiceRecord } from "../records.ts";
import type { Stored } from "../stored.ts";
import { type Fragment, together } from "../transaction.ts";
import { backedRecords } from "./hosts.ts";
import { networkRecords } from "./networks.ts";
import { ReadOnce, RecordType } from "./record_type.ts";
import { Endpoint, Service } from "./shapes.ts";

const services = new RecordType("service", 2, Service);
const endpoints = new RecordType("endpoint", 1, Endpoint);

/** A service with its endpoint, as the store has both. */
export interface StoredService extends Stored<ServiceRecord> {
  /** Revision of the endpoint; `null` when it has none. */
  endpoint: Revision | null;
}

/** Splits a service of mode `single` into its two records. Pure. */
export function split(
  { addresses, mac, backend, ...service }: ServiceRecord,
): { service: NamedService; endpoint: EndpointRecord } {
  const { id, network } = service;
  return {
    service,
    endpoint: { id, service: id, network, addresses, mac, ...backend && { backend } },
  };
}

/** Joins two records into a service. Pure. */
export function joined(
  service: Stored<NamedService>,
  endpoint: Stored<EndpointRecord> | undefined,
): StoredService {
  const { addresses = [], mac = "", backend } = endpoint?.record ?? {};
  return {
    record: { ...service.record, addresses, mac, ...backend && { backend } },
    revision: service.revision,
    endpoint: endpoint?.revision ?? null,
  };
}

/** What a list of services gave with a list of endpoints: where both are the last ones again, so is the result. */
const lastJoined = new WeakMap<
  readonly Stored<NamedService>[],
  { endpoints: readonly Stored<EndpointRecord>[]; result: readonly StoredService[] }
>();

function allJoined(
  all: readonly Stored<NamedService>[],
  places: readonly Stored<EndpointRecord>[],
): StoredService[] {
  const byService = new Map<string, Stored<EndpointRecord>>();
  for (const endpoint of places) {
    byService.set(`${endpoint.record.network}/${endpoint.record.id}`, endpoint);
  }
  return all.map((service) => {
    const { network, id } = service.record;
    return joined(service, byService.get(`${network}/${id}`));
  });
}

/** Keys besides the two records' that only this service can own. */
function ownedKeys({ network, name, addresses, mac }: ServiceRecord): string[] {
  return [
    keys.serviceName(network, name),
    ...addresses.map((address) => keys.address(network, address.split("/")[0]!)),
    ...mac === "" ? [] : [keys.mac(network, mac)],
  ];
}

/** The key that tells a host of a global network that it backs the endpoint. */
function backedKey(
  { scope }: Pick<NetworkRecord, "scope">,
  { id, network, backend }: ServiceRecord,
): string[] {
  return scope === "global" && backend ? [backedRecords.key(backend.hostId, network, id)] : [];
}

function backedPuts(network: Pick<NetworkRecord, "scope">, service: ServiceRecord): Put[] {
  return backedKey(network, service).map((key) => ({ key, value: JSON.stringify(service.name) }));
}

function putsOf(service: ServiceRecord): { service: Put; endpoint: Put } {
  const { id, network } = service;
  const both = split(service);
  return {
    service: { key: keys.service(network, id), value: services.write(both.service) },
    endpoint: { key: keys.endpoint(network, id), value: endpoints.write(both.endpoint) },
  };
}

/** Services with their endpoints. */
export const serviceRecords = {
  /** Version of a service's own record. */
  version: services.version,

  read: (entry: Entry): Stored<NamedService> | undefined => services.read(entry),
  readEndpoint: (entry: Entry): Stored<EndpointRecord> | undefined => endpoints.read(entry),

  /** A service from the store itself. */
  async get(
    store: Pick<Store, "get">,
    network: string,
    id: string,
  ): Promise<StoredService | undefined> {
    const service = await store.get(keys.service(network, id));
    const endpoint = await store.get(keys.endpoint(network, id));
    const stored = service && services.read(service);
    return stored && joined(stored, endpoint && endpoints.read(endpoint));
  },

  /**
   * All services of a network, or of all networks, from the store itself.
   *
   * @param known what was read before, and isn't read again where it is the same
   */
  async list(
    store: Pick<Store, "list">,
    network?: string,
    known: { services: ReadOnce<NamedService>; endpoints: ReadOnce<EndpointRecord> } = {
      services: new ReadOnce(),
      endpoints: new ReadOnce(),
    },
  ): Promise<readonly StoredService[]> {
    const [all, places] = await Promise.all([
      store.list(network === undefined ? keys.services : keys.servicesOf(network), {
        again: known.services,
      }),
      store.list(network === undefined ? keys.endpoints : keys.endpointsOf(network), {
        again: known.endpoints,
      }),
    ]);
    const theirs = known.endpoints.readAll(places, (entry) => endpoints.read(entry));
    const own = known.services.readAll(all, (entry) => services.read(entry));
    const before = lastJoined.get(own);
    if (before?.endpoints === theirs) return before.result;
    const result = allJoined(own, theirs);
    lastJoined.set(own, { endpoints: theirs, result });
    return result;
  },

  /** Puts of both records. */
  puts(service: ServiceRecord): Put[] {
    const both = putsOf(service);
    return [both.service, both.endpoint];
  },

  /** Creates a service that doesn't exist, on a network that is as it was read. */
  create(service: ServiceRecord, network: Stored<NetworkRecord>): Fragment {
    const { id } = service;
    const owned = ownedKeys(service);
    return together(networkRecords.unchanged(network), {
      checks: owned.map((key) => ({ key, revision: null })),
      puts: [
        ...serviceRecords.puts(service),
        ...owned.map((key) => ({ key, value: JSON.stringify(id) })),
        ...backedPuts(network.record, service),
        networkRecords.moveFence(service.network, id),
      ],
    });
  },

  /** Replaces a service's state: its name, its addresses, its backend. */
  replace(
    stored: StoredService,
    next: ServiceRecord,
    network: Pick<NetworkRecord, "scope">,
  ): Fragment {
    const { record } = stored;
    const [before, after] = [ownedKeys(record), ownedKeys(next)];
    const taken = after.filter((key) => !before.includes(key));
    const old = putsOf(record);
    const both = putsOf(next);
    const gone = backedKey(network, record).filter((key) =>
      !backedKey(network, next).includes(key)
    );
    return {
      checks: [
        ...serviceRecords.unchanged(stored).checks,
        ...taken.map((key) => ({ key, revision: null })),
      ],
      puts: [
        ...both.service.value === old.service.value ? [] : [both.service],
        ...both.endpoint.value === old.endpoint.value ? [] : [both.endpoint],
        ...taken.map((key) => ({ key, value: JSON.stringify(next.id) })),
        ...backedPuts(network, next),
      ],
      deletes: [...before.filter((key) => !after.includes(key)), ...gone],
    };
  },

  /** @param network its hosts keep lists of what they back, where it spans hosts */
  remove(stored: StoredService, network: Pick<NetworkRecord, "scope">): Fragment {
    const { record } = stored;
    return {
      checks: serviceRecords.unchanged(stored).checks,
      puts: [],
      deletes: [
        keys.service(record.network, record.id),
        ...stored.endpoint === null ? [] : [keys.endpoint(record.network, record.id)],
        ...ownedKeys(record),
        ...backedKey(network, record),
      ],
    };
  },

  /** Holds while both records are as they were read. */
  unchanged({ record: { network, id }, revision, endpoint }: StoredService): Fragment {
    return {
      checks: [
        { key: keys.service(network, id), revision },
        { key: keys.endpoint(network, id), revision: endpoint },
      ],
      puts: [],
      deletes: [],
    };
  },

  /** Holds while the service doesn't exist. */
  absent: (network: string, id: string): Fragment => ({
    checks: [{ key: keys.service(network, id), revision: null }],
    puts: [],
    deletes: [],
  }),

  /** Whether the race for an address was lost: another service has it. */
  lostAddress: (lost: ReadonlySet<string>, network: string, address: string): boolean =>
    lost.has(keys.address(network, address)),
};
