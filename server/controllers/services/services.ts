/**
 * Services: publish, unpublish, show. Their backends are the business of `endpoints/`.
 *
 * @module
 */
import type { Transaction } from "../../../kv/store.ts";
import { lostBackendKeys } from "../../cluster/cluster.ts";
import type { Listed } from "../../model/shared/directory.ts";
import { formatIp, parseIp } from "../../../lib/ip/cidr.ts";
import { pickAddresses } from "../../ipam/endpoint_addresses.ts";
import type { Mirror } from "../../model/mirror.ts";
import { keys } from "../../model/keys.ts";
import type {
  BackendRecord,
  NetworkRecord,
  RetiredRecord,
  ServiceRecord,
} from "../../model/records.ts";
import type { Stored } from "../../model/state.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import {
  checkAlias,
  checkName,
  isIdPrefix,
  shortId,
  splitServiceReference,
} from "../../../lib/api/names.ts";
import type { PublishService, Service } from "../../../lib/api/types.ts";
import { confirmed, networksOfService } from "../confirmed.ts";
import { type Context, decideAndCommit, networkAndDriver, newId, now } from "../context.ts";
import type { Ipams } from "../../drivers/plugin_ipam.ts";
import type { ManagedDriver } from "../../drivers/managed_driver.ts";
import { backendContainer, containerLabel, inCase } from "../labels.ts";
import { findNetwork, findService } from "../lookup.ts";

/** A freed address goes to no other service for this long, in milliseconds. */
const QUARANTINE_MS = 60_000;
/** Addresses that a plugin gives and somebody has already, before that is given up. */
const MAX_TAKEN = 16;
/** Unpublished services remembered per network; beyond it the oldest are forgotten. */
const MAX_RETIRED = 1024;
/** Networks followed for the sake of one id prefix. */
const MAX_LOOKED_INTO = 8;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

/** Checks and normalises a MAC address. @throws {NetsvcError} `invalid` */
function checkMac(text: string): string {
  const mac = text.toLowerCase().replaceAll("-", ":");
  if (!MAC.test(mac)) {
    throw new NetsvcError(
      "invalid",
      `Invalid MAC address "${text}"; write it like 02:42:ac:11:00:02`,
    );
  }
  if (parseInt(mac.slice(0, 2), 16) & 1 || mac === "00:00:00:00:00:00") {
    throw new NetsvcError("invalid", `Invalid MAC address "${text}": it is no unicast address`);
  }
  return mac;
}

/** A locally administered unicast MAC that a service keeps wherever it is attached. */
function macOf(id: string): string {
  return ["02", ...id.slice(0, 10).match(/../g)!].join(":");
}

/** Whose a service is that nobody published by hand. */
export interface Owner {
  /** The container that takes it along when it goes. */
  auto?: string;
  /** It is only a way out. */
  leg?: true;
}

/** What is to be published, checked. */
export interface Publication {
  readonly request: PublishService;
  readonly owner: Owner;
  readonly network: NetworkRecord;
  readonly driver: ManagedDriver;
  /** Whether a plugin gives the addresses. */
  readonly asksPlugin: boolean;
  /** Wanted by who publishes. */
  readonly mac?: string;
}

/** What is decided of a service before its transaction is: more than the id where a plugin has its word. */
export type Settled =
  & Pick<ServiceRecord, "id">
  & Partial<Pick<ServiceRecord, "addresses" | "mac">>;

/** An address that a plugin gave has an owner. */
class AddressTaken extends NetsvcError {
  readonly address: string;

  constructor(address: string) {
    super("exists", `The address ${address} is already in use; choose another`);
    this.address = address;
  }
}

/** Controller of services. */
export class Services {
  /** Say which addresses of a network others come back for: they go to nobody else while any is free. */
  readonly reserved: ((network: string) => string[])[] = [];
  readonly #context: Context;
  readonly #ipams: Ipams;

  constructor(context: Context, ipams: Ipams) {
    this.#context = context;
    this.#ipams = ipams;
  }

  /** All services, or those of one network, by creation. */
  async list(network?: string): Promise<Service[]> {
    const { state, cluster } = this.#context;
    const byCreation = (all: Listed[]) =>
      all.sort((a, b) => a.service.created < b.service.created ? -1 : 1)
        .map(({ service, backend }) => this.show(service, backend));
    if (network === undefined) {
      return byCreation((await cluster.directory.services()).filter(({ service }) => !service.leg));
    }
    await this.ensure(network);
    return byCreation(
      state.servicesOf(network).map(({ record }) => ({
        service: record,
        backend: state.liveBackend(record),
      })),
    );
  }

  /** How many services each network has, as {@linkcode list} counts them. */
  async counts(): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (const { service } of await this.#context.cluster.directory.services()) {
      if (service.leg) continue;
      counts.set(service.network, (counts.get(service.network) ?? 0) + 1);
    }
    return counts;
  }

  /** A record as the API shows it. */
  show(
    service: ServiceRecord,
    backend: BackendRecord | undefined = this.#context.state.liveBackend(service),
  ): Service {
    const { id, name, created, addresses, mac, aliases, ports } = service;
    const network = this.#context.state.networks.get(service.network)?.record;
    return {
      id,
      name,
      network: {
        id: service.network,
        name: network?.name ?? "",
        scope: network?.scope ?? "local",
      },
      created,
      addresses,
      mac,
      aliases,
      ports,
      auto: service.auto !== undefined,
      ...backend && {
        backend: {
          container: {
            id: backend.container,
            ...backend.containerName !== undefined && { name: backend.containerName },
            runtime: backend.runtime,
          },
          host: this.hostName(service, backend),
          interface: backend.interface,
          attached: backend.attached,
          aliases: backend.aliases,
        },
      },
    };
  }

  async info(reference: string): Promise<Service> {
    return this.show((await this.find(reference)).record);
  }

  /** Makes the services of a network known here. @throws {NetsvcError} `unavailable`, `timeout` */
  async ensure(network: string): Promise<void> {
    if (this.#context.state.networks.get(network)?.record.scope !== "global") return;
    await this.#context.cluster.interests.ensure(network);
  }

  /** A service by reference. @throws {NetsvcError} `not_found`, `ambiguous`, `unavailable` */
  find(reference: string): Promise<Stored<ServiceRecord>> {
    const networks = networksOfService(reference, this.#context.defaultNetwork);
    return confirmed(this.#context, networks, () => this.#find(reference));
  }

  async #find(reference: string): Promise<Stored<ServiceRecord>> {
    const { state, defaultNetwork, cluster } = this.#context;
    const { service, network } = splitServiceReference(reference);
    const on = findNetwork(state, network ?? defaultNetwork).record.id;
    await this.ensure(on);
    // What is surely meant is known without a look at all services of the cluster.
    const known = state.services.has(service) || this.named(on, service) !== undefined;
    if (network === undefined && isIdPrefix(service) && !known) {
      // An id finds its service on any network, whether it is followed or not.
      const all = await cluster.directory.services();
      const networks = all.filter((listed) => listed.service.id.startsWith(service))
        .map((listed) => listed.service.network);
      for (const id of [...new Set(networks)].slice(0, MAX_LOOKED_INTO)) await this.ensure(id);
    }
    return findService(state, reference, defaultNetwork);
  }

  /** A service by its exact name on a network that is followed. */
  named(network: string, name: string): Stored<ServiceRecord> | undefined {
    return this.#context.state.serviceByName(network, name);
  }

  /**
   * Checks what is to be published, and makes the network's services known.
   *
   * @throws {NetsvcError} `invalid`, `not_found`, `ambiguous`; `unavailable` or `timeout` of the store
   */
  async prepare(request: PublishService, owner: Owner = {}): Promise<Publication> {
    checkName("service", request.name);
    for (const alias of request.aliases ?? []) checkAlias(alias);
    const mac = request.mac === undefined ? undefined : checkMac(request.mac);
    const { state, drivers, defaultNetwork } = this.#context;
    const network = findNetwork(state, request.network ?? defaultNetwork).record;
    const driver = drivers.get(network.driver);
    if (!driver.capabilities.addresses) {
      throw new NetsvcError(
        "invalid",
        `Cannot publish service "${request.name}" on network "${network.name}": networks of the ` +
          `driver "${driver.name}" have no services; use another network`,
      );
    }
    await this.ensure(network.id);
    const asksPlugin = network.ipam !== undefined && network.ipam.pools.length > 0;
    return { request, owner, network, driver, asksPlugin, ...mac !== undefined && { mac } };
  }

  /** Publishes a service. */
  publish(request: PublishService, owner: Owner = {}): Promise<Service> {
    const on = request.network ?? this.#context.defaultNetwork;
    return confirmed(this.#context, [on], () => this.#publish(request, owner));
  }

  async #publish(request: PublishService, owner: Owner): Promise<Service> {
    const publication = await this.prepare(request, owner);
    const service = await this.provide(
      publication,
      (settled) =>
        this.inTurn(publication.network.id, () => this.#commitPublish(publication, settled)),
    );
    return this.show(service);
  }

  /** Decides and commits what is to be on a network, one after the other: each takes a free address. */
  inTurn<T>(network: string, action: () => Promise<T>): Promise<T> {
    return this.#context.locks.addresses(network, action);
  }

  /**
   * Commits a service to be. Where a plugin gives the addresses, it is asked first; those that the service
   * hasn't got after all are given back. What another service has already isn't: it is that one's.
   */
  async provide<T>(
    { request, network, mac: wantedMac, asksPlugin }: Publication,
    commit: (settled: Settled) => Promise<T>,
  ): Promise<T> {
    if (!asksPlugin) return await commit({ id: newId() });
    const wanted = request.ips ?? [];
    for (let left = MAX_TAKEN;; left--) {
      this.#checkFree(network, request.name);
      const id = newId();
      const retired = this.#retired(this.#mirror(network.id), network.id, request.name);
      const mac = this.#pickMac(network, wantedMac, retired?.mac ?? macOf(id));
      const { given, notes } = await this.#ipams.requestAddresses(network, {
        ...{ wanted, mac, previous: retired?.addresses ?? [] },
      });
      try {
        const done = await commit({ id, addresses: given, mac });
        await this.#ipams.confirm(notes);
        return done;
      } catch (error) {
        await this.#ipams.giveBack(notes);
        if (!(error instanceof AddressTaken) || left <= 1 || wanted.length > 0) throw error;
      }
    }
  }

  #checkFree(network: NetworkRecord, name: string): void {
    const known = this.named(network.id, name)?.record;
    if (!known) return;
    throw new NetsvcError(
      "exists",
      `The service "${name}.${network.name}" already exists${inCase(name, known.name)}; choose ` +
        `another name or unpublish it first`,
    );
  }

  #commitPublish(publication: Publication, settled: Settled): Promise<ServiceRecord> {
    return decideAndCommit(this.#mirror(publication.network.id), (lost) => {
      const { service, transaction } = this.decidePublish(publication, lost, settled);
      return { transaction: withService(transaction, service), result: service };
    });
  }

  /**
   * The service to be, and all that is to be written besides its own key.
   *
   * @param lost keys that others were faster about
   * @throws {NetsvcError} `exists`, `exhausted`, `invalid` when it can't be
   */
  decidePublish(
    { request, network: { id: networkId }, mac, owner }: Publication,
    lost: ReadonlySet<string>,
    settled: Settled,
  ): { service: ServiceRecord; transaction: Required<Transaction> } {
    const { network } = networkAndDriver(this.#context, networkId);
    this.#checkFree(network.record, request.name);
    const taken = settled.addresses?.find((address) =>
      this.#context.state.hasAddress(networkId, address.split("/")[0]!)
    );
    if (taken !== undefined) throw new AddressTaken(taken);
    const { id } = settled;
    const retired = this.#retired(this.#mirror(networkId), networkId, request.name);
    const service: ServiceRecord = {
      id,
      name: request.name,
      network: networkId,
      created: now(),
      addresses: settled.addresses ?? this.#allocate(network.record, request, retired, lost),
      mac: this.#pickMac(network.record, settled.mac ?? mac, retired?.mac ?? macOf(id)),
      aliases: [...new Set(request.aliases ?? [])],
      ports: request.ports ?? [],
      ...owner,
    };
    const owned = ownedKeys(service);
    return {
      service,
      transaction: {
        checks: [
          { key: keys.network(networkId), revision: network.revision },
          ...owned.map((key) => ({ key, revision: null })),
        ],
        puts: [
          ...owned.map((key) => ({ key, value: JSON.stringify(id) })),
          { key: keys.networkFence(networkId), value: JSON.stringify(id) },
        ],
        deletes: retired ? [keys.retired(networkId, request.name)] : [],
      },
    };
  }

  /**
   * Gives a service another name, aliases and owner; what it is on the network stays, and so does its
   * backend.
   *
   * @throws {NetsvcError} `exists` when another service has the name
   */
  async amend(
    id: string,
    { name, containerName, ...given }: {
      name: string;
      aliases?: string[];
      auto?: string;
      /** The backend's, where it has another one by now. */
      containerName?: string;
    },
  ): Promise<void> {
    const { network } = this.current(id).record;
    checkName("service", name);
    for (const alias of given.aliases ?? []) checkAlias(alias);
    await this.#context.locks.addresses(
      network,
      () =>
        decideAndCommit(this.#mirror(network), () => {
          const { record, revision } = this.current(id);
          const renamed = name.toLowerCase() !== record.name.toLowerCase();
          if (renamed && this.named(network, name)) {
            throw new NetsvcError(
              "exists",
              `The service "${this.label({ ...record, name })}" already exists`,
            );
          }
          const key = keys.serviceName(network, name);
          return {
            transaction: {
              checks: [
                { key: keys.service(network, id), revision },
                ...renamed ? [{ key, revision: null }] : [],
              ],
              puts: [
                {
                  key: keys.service(network, id),
                  value: JSON.stringify({
                    ...record,
                    ...given,
                    name,
                    ...record.backend && containerName !== undefined && {
                      backend: { ...record.backend, containerName },
                    },
                  }),
                },
                ...renamed ? [{ key, value: JSON.stringify(id) }] : [],
              ],
              deletes: renamed
                ? [keys.serviceName(network, record.name), keys.retired(network, name)]
                : [],
            },
            result: undefined,
          };
        }),
    );
  }

  /** The mirror of a network's services. */
  #mirror(network: string): Mirror {
    return this.#context.state.mirrorOf(networkAndDriver(this.#context, network).network.record);
  }

  #retired(mirror: Mirror, network: string, name: string): RetiredRecord | undefined {
    const entry = mirror.get(keys.retired(network, name));
    return entry && JSON.parse(entry.value);
  }

  #allocate(
    network: NetworkRecord,
    request: PublishService,
    retired: RetiredRecord | undefined,
    lost: ReadonlySet<string>,
  ): string[] {
    const quarantine = this.#quarantine(network);
    return pickAddresses({
      network,
      taken: (address) =>
        this.#context.state.hasAddress(network.id, address) ||
        lost.has(keys.address(network.id, address)),
      conflicts: lost.size,
      quarantined: (address) => quarantine.get(address),
      wanted: request.ips ?? [],
      previous: retired?.addresses ?? [],
      cursors: this.#cursors,
    });
  }

  /** Where the search for a free address goes on, per network and subnet. */
  readonly #cursors = new Map<string, string>();

  /** Addresses freed a short while ago, with the time; those that somebody comes back for are last. */
  #quarantine(network: NetworkRecord): Map<string, number> {
    const quarantine = new Map<string, number>();
    for (const address of this.reserved.flatMap((reserved) => reserved(network.id))) {
      quarantine.set(formatIp(parseIp(address)), Infinity);
    }
    const since = Date.now() - QUARANTINE_MS;
    const mirror = this.#context.state.mirrorOf(network);
    for (const { value } of mirror.list(keys.retiredOf(network.id))) {
      const { addresses, retired } = JSON.parse(value) as RetiredRecord;
      const time = Date.parse(retired);
      if (time <= since) continue;
      for (const address of addresses.map((a) => a.split("/")[0]!)) {
        if (!quarantine.has(address)) quarantine.set(address, time);
      }
    }
    return quarantine;
  }

  #pickMac(network: NetworkRecord, wanted: string | undefined, generated: string): string {
    const taken = (mac: string) => this.#context.state.hasMac(network.id, mac);
    if (wanted === undefined) return taken(generated) ? macOf(newId()) : generated;
    if (!taken(wanted)) return wanted;
    throw new NetsvcError(
      "exists",
      `The MAC address ${wanted} is already used on network "${network.name}"; choose another`,
    );
  }

  /** Ends a service that has no backend. @throws {NetsvcError} `in_use` */
  async unpublish(id: string): Promise<void> {
    await this.releasing(
      id,
      () => this.#context.locks.service(id, async () => void await this.commitUnpublish(id)),
    );
  }

  /** Ends a service; addresses that a plugin gave are given back. */
  async releasing<T>(id: string, end: () => Promise<T>): Promise<T> {
    const { record } = this.current(id);
    const { network } = networkAndDriver(this.#context, record.network);
    return await this.#ipams.releasing(network.record, record.addresses, end);
  }

  /** `SERVICE.NETWORK`. */
  label(service: ServiceRecord): string {
    const network = this.#context.state.networks.get(service.network)?.record.name ?? "?";
    return `${service.name}.${network}`;
  }

  /**
   * Takes a service out of the store, for those who hold its lock.
   *
   * @param unplugged a container of this host that may back it still: whoever calls unplugs it then
   * @throws {NetsvcError} `in_use` when another one backs it
   */
  async commitUnpublish(id: string, unplugged?: string): Promise<ServiceRecord> {
    const { state } = this.#context;
    const mirror = this.#mirror(this.current(id).record.network);
    return await decideAndCommit(mirror, () => {
      const { record, revision } = this.current(id);
      this.#checkUnbacked(record, unplugged);
      const network = state.networks.get(record.network)?.record;
      const retired: RetiredRecord = {
        // What a driver gave it gave to an attachment.
        addresses: network?.ipam?.driver === "null" ? [] : record.addresses,
        mac: record.mac,
        retired: now(),
      };
      const transaction: Transaction = {
        checks: [{ key: keys.service(record.network, id), revision }],
        puts: [
          { key: keys.retired(record.network, record.name), value: JSON.stringify(retired) },
          { key: keys.networkFence(record.network), value: JSON.stringify(id) },
        ],
        deletes: [
          keys.service(record.network, id),
          ...ownedKeys(record),
          ...lostBackendKeys(network, record),
          ...this.#overflow(mirror, record.network, record.name),
        ],
      };
      return { transaction, result: record };
    });
  }

  #checkUnbacked(service: ServiceRecord, unless: string | undefined): void {
    const live = this.#context.state.liveBackend(service);
    if (!live || (live.hostId === this.#context.hostId && live.container === unless)) return;
    throw new NetsvcError(
      "in_use",
      `Cannot unpublish service "${this.label(service)}": the container ` +
        `"${containerLabel(backendContainer(live))}"${this.elsewhere(live)} backs it; ` +
        `detach it first or use -f`,
    );
  }

  /** Name of a backend's host as it is now: it may have had another one when it was attached. */
  hostName({ network }: ServiceRecord, { host, hostId }: BackendRecord): string {
    const { state, host: own } = this.#context;
    if (hostId === this.#context.hostId) return own;
    return state.members.get(network, hostId)?.name ?? host;
  }

  /** ` on host "NAME"` of a backend that isn't on this one. */
  elsewhere(backend: BackendRecord): string {
    return backend.hostId === this.#context.hostId ? "" : ` on host "${backend.host}"`;
  }

  /** Keys of the longest retired services beyond the bound, a few at a time. */
  #overflow(mirror: Mirror, network: string, name: string): string[] {
    const entries = mirror.list(keys.retiredOf(network));
    if (entries.length < MAX_RETIRED) return [];
    return entries
      .sort((a, b) => a.revision < b.revision ? -1 : 1)
      .slice(0, 16).map(({ key }) => key)
      .filter((key) => key !== keys.retired(network, name));
  }

  /** A service as it is now. @throws {NetsvcError} `not_found` when it went meanwhile */
  current(id: string): Stored<ServiceRecord> {
    const stored = this.#context.state.services.get(id);
    if (stored) return stored;
    throw new NetsvcError("not_found", `No such service: "${shortId(id)}"; it was unpublished`);
  }
}

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
