/**
 * Services and their endpoints in the store: two records, and the keys that only one can own: the name of a service,
 * the addresses and the MAC of an endpoint. A service of mode `single` has one endpoint, which is made with it and has
 * its id; others have one for each backend.
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

const services = new RecordType<NamedService>("service", {
  oldest: 2,
  newest: 3,
  of: ({ mode }) => mode === "single" ? 2 : 3,
}, Service);
const endpoints = new RecordType<EndpointRecord>("endpoint", {
  oldest: 1,
  newest: 2,
  of: ({ id, service }) => id === service ? 1 : 2,
}, Endpoint);

/** A service with its endpoint, as the store has both. */
export interface StoredService extends Stored<ServiceRecord> {
  /** Revision of the endpoint; `null` when it has none. */
  endpoint: Revision | null;
}

/** Splits a service of mode `single` with its endpoint, or one of many, into what is stored. Pure. */
export function split(
  record: ServiceRecord,
): { service?: NamedService; endpoint?: EndpointRecord } {
  const { addresses, mac, backend, weight, draining, of, ...service } = record;
  const { id, network } = service;
  if (of === undefined && service.mode !== "single") {
    const { addresses: _, ...named } = service as NamedService;
    return { service: addresses.length > 0 ? { ...named, addresses } : named };
  }
  const endpoint: EndpointRecord = {
    ...{ id, service: of ?? id, network, addresses, mac },
    ...backend && { backend },
    ...weight !== undefined && { weight },
    ...draining !== undefined && { draining },
  };
  return of === undefined ? { service, endpoint } : { endpoint };
}

/** Joins two records into a service. Pure. */
export function joined(
  service: Stored<NamedService>,
  endpoint: Stored<EndpointRecord> | undefined,
): StoredService {
  const { addresses = service.record.addresses ?? [], mac = "", backend } = endpoint?.record ?? {};
  return {
    record: { ...service.record, addresses, mac, ...backend && { backend } },
    revision: service.revision,
    endpoint: endpoint?.revision ?? null,
  };
}

/** Whether an endpoint is one of those of a service with many backends. Pure. */
export function isPartOf(
  { id, service, network, backend }: EndpointRecord,
  named: NamedService,
): boolean {
  return named.mode !== "single" && service === named.id && id !== service &&
    network === named.network && backend !== undefined;
}

/** One endpoint of a service with many backends, as a service with that endpoint alone. Pure. */
export function joinedPart(
  { record: { name, ports }, revision }: Stored<NamedService>,
  endpoint: Stored<EndpointRecord>,
): StoredService {
  const { service, ...place } = endpoint.record;
  return {
    record: {
      ...{ name, ports, mode: "single", aliases: [], created: place.backend!.attached },
      ...place,
      of: service,
    },
    revision,
    endpoint: endpoint.revision,
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
  const byService = Map.groupBy(places, ({ record }) => `${record.network}/${record.service}`);
  return all.flatMap((service) => {
    const { network, id, mode } = service.record;
    const own = byService.get(`${network}/${id}`) ?? [];
    if (mode === "single") return joined(service, own.find(({ record }) => record.id === id));
    return [
      joined(service, undefined),
      ...own.filter(({ record }) => isPartOf(record, service.record))
        .map((endpoint) => joinedPart(service, endpoint)),
    ];
  });
}

/** Keys besides the records that only this service can own; its name is that of the service that it is part of. */
function ownedKeys({ network, name, addresses, mac, of }: ServiceRecord): string[] {
  return [
    ...of === undefined ? [keys.serviceName(network, name)] : [],
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

function putsOf(record: ServiceRecord): Put[] {
  const { id, network } = record;
  const { service, endpoint } = split(record);
  return [
    ...service ? [{ key: keys.service(network, id), value: services.write(service) }] : [],
    ...endpoint ? [{ key: keys.endpoint(network, id), value: endpoints.write(endpoint) }] : [],
  ];
}

/** Services with their endpoints. */
export const serviceRecords = {
  /** Newest versions of a service's own record, and of an endpoint's. */
  versions: { services: services.version, endpoints: endpoints.version },

  read: (entry: Entry): Stored<NamedService> | undefined => services.read(entry),
  readEndpoint: (entry: Entry): Stored<EndpointRecord> | undefined => endpoints.read(entry),

  /** A service, or an endpoint of one with many backends, from the store itself. */
  async get(
    store: Pick<Store, "get">,
    network: string,
    id: string,
  ): Promise<StoredService | undefined> {
    const service = await store.get(keys.service(network, id));
    const found = await store.get(keys.endpoint(network, id));
    const endpoint = found && endpoints.read(found);
    const stored = service && services.read(service);
    if (stored) return joined(stored, stored.record.mode === "single" ? endpoint : undefined);
    if (!endpoint) return undefined;
    const whole = await store.get(keys.service(network, endpoint.record.service));
    const named = whole && services.read(whole);
    return named && isPartOf(endpoint.record, named.record)
      ? joinedPart(named, endpoint)
      : undefined;
  },

  /**
   * All services of a network, or of all networks, from the store itself; one with many backends is followed by its
   * endpoints.
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

  /** Puts of the records that it consists of. */
  puts: (service: ServiceRecord): Put[] => putsOf(service),

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

  /** Replaces a service's state: its name, its mode, its addresses, its backend. */
  replace(
    stored: StoredService,
    next: ServiceRecord,
    network: Pick<NetworkRecord, "scope">,
  ): Fragment {
    const { record } = stored;
    const [before, after] = [ownedKeys(record), ownedKeys(next)];
    const taken = after.filter((key) => !before.includes(key));
    const old = putsOf(record);
    const puts = putsOf(next);
    const inside = (all: Put[], { key }: Put) => all.find((put) => put.key === key);
    const gone = backedKey(network, record).filter((key) =>
      !backedKey(network, next).includes(key)
    );
    return {
      checks: [
        ...serviceRecords.unchanged(stored).checks,
        ...taken.map((key) => ({ key, revision: null })),
      ],
      puts: [
        ...puts.filter((put) => inside(old, put)?.value !== put.value),
        ...taken.map((key) => ({ key, value: JSON.stringify(next.id) })),
        ...backedPuts(network, next),
      ],
      deletes: [
        ...old.filter((put) => !inside(puts, put)).map(({ key }) => key),
        ...before.filter((key) => !after.includes(key)),
        ...gone,
      ],
    };
  },

  /** @param network its hosts keep lists of what they back, where it spans hosts */
  remove(stored: StoredService, network: Pick<NetworkRecord, "scope">): Fragment {
    const { record } = stored;
    return {
      checks: serviceRecords.unchanged(stored).checks,
      puts: [],
      deletes: [
        ...record.of === undefined ? [keys.service(record.network, record.id)] : [],
        ...stored.endpoint === null ? [] : [keys.endpoint(record.network, record.id)],
        ...ownedKeys(record),
        ...backedKey(network, record),
      ],
    };
  },

  /** Holds while the records are as they were read. */
  unchanged({ record: { network, id, of }, revision, endpoint }: StoredService): Fragment {
    return {
      checks: [
        { key: keys.service(network, of ?? id), revision },
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
