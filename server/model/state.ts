/**
 * The mirrors' entries as typed objects with the look-ups that controllers need. Follows the mirrors
 * synchronously; never writes.
 *
 * @module
 */
import type { Change, Entry } from "../../kv/store.ts";
import type { Mirror, Origin } from "./mirror.ts";
import type { Stored } from "./stored.ts";
import { Members } from "./members.ts";
import { type ContainerRecord, readContainer } from "./container.ts";
import type { BackendRecord, NetworkRecord, ServiceRecord } from "./records.ts";

export type { Stored } from "./stored.ts";

/** One kind of object that changed. */
export interface StateChange {
  /** `member`: who is alive on a network changed; `id` is the network's. */
  type: "network" | "service" | "container" | "member";
  id: string;
  before: NetworkRecord | ServiceRecord | ContainerRecord | undefined;
  after: NetworkRecord | ServiceRecord | ContainerRecord | undefined;
}

/** Called, synchronously, with every batch of changed objects. */
export type StateListener = (changes: StateChange[], origin: Origin) => void;

type Kind = "networks" | "services" | "containers";
const TYPES: Record<Kind, StateChange["type"]> = {
  networks: "network",
  services: "service",
  containers: "container",
};

/** Adds to or removes from a map of sets, leaving no empty set behind. */
function index<K, V>(map: Map<K, Set<V>>, key: K, value: V, add: boolean): void {
  const set = map.get(key);
  if (add) {
    if (set) set.add(value);
    else map.set(key, new Set([value]));
  } else if (set?.delete(value) && set.size === 0) map.delete(key);
}

/** What a service alone has on its network: name, addresses, MAC; as keys of one index. */
function ownedBy({ network, name, addresses, mac }: ServiceRecord): string[] {
  return [
    `${network}/name/${name.toLowerCase()}`,
    ...addresses.map((address) => `${network}/ip/${address.split("/")[0]}`),
    `${network}/mac/${mac}`,
  ];
}

/** Options of {@linkcode State}. */
export interface StateOptions {
  /** Id of this host. */
  hostId: string;
  /** How long hosts are believed alive that are missing after a gap, in milliseconds. */
  memberGrace?: number;
}

/** Typed view of the mirrors. */
export class State {
  readonly networks: Map<string, Stored<NetworkRecord>> = new Map();
  readonly services: Map<string, Stored<ServiceRecord>> = new Map();
  readonly containers: Map<string, Stored<ContainerRecord>> = new Map();
  readonly members: Members;
  /** Networks of local drivers and their services, containers. */
  readonly local: Mirror;
  /** Networks of global drivers and their services, hosts; the local one on a host by itself. */
  readonly shared: Mirror;
  readonly hostId: string;
  readonly #networkNames = new Map<string, Set<string>>();
  readonly #containerNames = new Map<string, string>();
  readonly #servicesOfNetwork = new Map<string, Set<string>>();
  /** What {@linkcode servicesOf} answered since a network's services changed: it is asked often. */
  readonly #sorted = new Map<string, readonly Stored<ServiceRecord>[]>();
  readonly #servicesOfContainer = new Map<string, Set<string>>();
  /** What only one service of a network can have, and the service's id. */
  readonly #owners = new Map<string, string>();
  readonly #listeners = new Set<StateListener>();

  constructor(local: Mirror, shared: Mirror, { hostId, memberGrace = 0 }: StateOptions) {
    this.local = local;
    this.shared = shared;
    this.hostId = hostId;
    this.members = new Members(memberGrace, (network) => this.#memberGone(network));
    for (const mirror of new Set([local, shared])) {
      const own = mirror === local;
      this.#apply(mirror.list("").map((entry) => ({ type: "put", entry })), "load", own);
      mirror.subscribe((changes, origin) => this.#apply(changes, origin, own));
    }
  }

  subscribe(listener: StateListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The mirror of the store that a network and its services are in. */
  mirrorOf(network: Pick<NetworkRecord, "scope">): Mirror {
    return network.scope === "global" ? this.shared : this.local;
  }

  /** A network by name; this host's own goes before one of the shared store. */
  networkByName(name: string): Stored<NetworkRecord> | undefined {
    const all = [...this.#networkNames.get(name.toLowerCase()) ?? []].map((id) =>
      this.networks.get(id)!
    );
    return all.find(({ record }) => record.scope === "local") ?? all[0];
  }

  containerByName(name: string): Stored<ContainerRecord> | undefined {
    return this.containers.get(this.#containerNames.get(name.toLowerCase()) ?? "");
  }

  /** A service by its exact name on a network. */
  serviceByName(network: string, name: string): Stored<ServiceRecord> | undefined {
    return this.services.get(this.#owners.get(`${network}/name/${name.toLowerCase()}`) ?? "");
  }

  /** Services of a network, by creation. */
  servicesOf(network: string): readonly Stored<ServiceRecord>[] {
    let sorted = this.#sorted.get(network);
    if (!sorted) {
      sorted = this.#pick(this.#servicesOfNetwork.get(network));
      if (sorted.length > 0) this.#sorted.set(network, sorted);
    }
    return sorted;
  }

  /** Services that a container of this host backs, by attachment. */
  servicesBackedBy(container: string): Stored<ServiceRecord>[] {
    return this.#pick(this.#servicesOfContainer.get(container)).sort((a, b) =>
      a.record.backend!.interface.localeCompare(b.record.backend!.interface, "en", {
        numeric: true,
      })
    );
  }

  /** Whether an address of a network has an owner. */
  hasAddress(network: string, ip: string): boolean {
    return this.#owners.has(`${network}/ip/${ip}`);
  }

  /** Whether a MAC address of a network has an owner. */
  hasMac(network: string, mac: string): boolean {
    return this.#owners.has(`${network}/mac/${mac}`);
  }

  /**
   * The backend of a service while its host lives. This host's own counts as long as its container
   * is there, whatever the store believes: it knows best.
   */
  liveBackend(service: ServiceRecord): BackendRecord | undefined {
    const { backend } = service;
    if (!backend) return undefined;
    const alive = backend.hostId === this.hostId
      ? this.containers.has(backend.container)
      : this.members.has(service.network, backend.hostId);
    return alive ? backend : undefined;
  }

  /** Services of a network that this host backs. */
  ownBackends(network: string): ServiceRecord[] {
    return this.servicesOf(network).map(({ record }) => record)
      .filter((service) =>
        service.backend?.hostId === this.hostId && this.containers.has(service.backend.container)
      );
  }

  /** Ends what runs by itself. */
  close(): void {
    this.members.close();
  }

  #pick(ids: Set<string> | undefined): Stored<ServiceRecord>[] {
    return [...ids ?? []].map((id) => this.services.get(id)!)
      .sort((a, b) => a.record.created < b.record.created ? -1 : 1);
  }

  #memberGone(network: string): void {
    this.#tell([{ type: "member", id: network, before: undefined, after: undefined }], "change");
  }

  /** @param own whether it is this host's own store that changed */
  #apply(changes: Change[], origin: Origin, own: boolean): void {
    const seen: StateChange[] = [];
    for (const change of changes) {
      const key = change.type === "put" ? change.entry.key : change.key;
      const kind = key.slice(0, key.indexOf("/"));
      if (!own && !this.#mayShare(kind, key)) continue;
      if (kind === "members") {
        const network = this.members.apply(change, origin);
        if (network === undefined) continue;
        seen.push({ type: "member", id: network, before: undefined, after: undefined });
      } else if (Object.hasOwn(TYPES, kind)) {
        const applied = this.#applyRecord(kind as Kind, key, change);
        // What was never let in leaves no trace when it goes.
        if (applied.before || applied.after) seen.push(applied);
      }
    }
    if (seen.length > 0) this.#tell(seen, origin);
  }

  /**
   * Whether a key of the shared store is one that this host goes by: what is its own nobody else has a say
   * in, be it by the same id, or as a part of it.
   */
  #mayShare(kind: string, key: string): boolean {
    if (kind === "containers") return false;
    const [, first = "", second = ""] = key.split("/");
    const isOwn = (network: string) => this.networks.get(network)?.record.scope === "local";
    if (kind === "networks") return !isOwn(first);
    const of = this.services.get(second)?.record.network;
    return !isOwn(first) && (kind !== "services" || of === undefined || of === first);
  }

  #applyRecord(kind: Kind, key: string, change: Change): StateChange {
    const id = key.slice(key.lastIndexOf("/") + 1);
    const before = this[kind].get(id)?.record;
    if (change.type === "put") this.#put(kind, change.entry);
    else this.#delete(kind, id);
    return { type: TYPES[kind], id, before, after: this[kind].get(id)?.record };
  }

  #tell(changes: StateChange[], origin: Origin): void {
    for (const listener of [...this.#listeners]) listener(changes, origin);
  }

  #put(kind: Kind, entry: Entry): void {
    const stored = JSON.parse(entry.value);
    const record = kind === "containers" ? readContainer(stored) : stored;
    this.#delete(kind, record.id);
    this[kind].set(record.id, { record, revision: entry.revision });
    this.#index(kind, record, true);
  }

  #delete(kind: Kind, id: string): void {
    const old = this[kind].get(id);
    if (!old) return;
    this[kind].delete(id);
    this.#index(kind, old.record, false);
  }

  #index(kind: Kind, record: NetworkRecord | ServiceRecord | ContainerRecord, add: boolean): void {
    if (kind === "services") return this.#indexService(record as ServiceRecord, add);
    const { id } = record;
    const name = record.name?.toLowerCase();
    if (!name) return;
    if (kind === "networks") return index(this.#networkNames, name, id, add);
    // An adopted container's name is its engine's: netsvc's own ones go before it.
    const isAdopted = (record as ContainerRecord).kind === "adopted";
    if (add && isAdopted && this.#containerNames.has(name)) return;
    if (add) this.#containerNames.set(name, id);
    else if (this.#containerNames.get(name) === id) this.#containerNames.delete(name);
  }

  #indexService(service: ServiceRecord, add: boolean): void {
    const { id, network, backend } = service;
    this.#sorted.delete(network);
    index(this.#servicesOfNetwork, network, id, add);
    if (backend?.hostId === this.hostId) {
      index(this.#servicesOfContainer, backend.container, id, add);
    }
    for (const key of ownedBy(service)) {
      if (add) this.#owners.set(key, id);
      else if (this.#owners.get(key) === id) this.#owners.delete(key);
    }
  }
}
