/**
 * The mirror's entries as typed objects with the look-ups that controllers need. Follows the mirror
 * synchronously; never writes.
 *
 * @module
 */
import type { Change, Entry, Revision } from "../../kv/store.ts";
import type { Mirror } from "../mirror.ts";
import type { ContainerRecord, NetworkRecord, ServiceRecord } from "./records.ts";

/** A record with the revision that a transaction checks. */
export interface Stored<T> {
  record: T;
  revision: Revision;
}

/** One kind of object that changed. */
export interface StateChange {
  type: "network" | "service" | "container";
  id: string;
  before: NetworkRecord | ServiceRecord | ContainerRecord | undefined;
  after: NetworkRecord | ServiceRecord | ContainerRecord | undefined;
}

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

/** Typed view of the mirror. */
export class State {
  readonly networks: Map<string, Stored<NetworkRecord>> = new Map();
  readonly services: Map<string, Stored<ServiceRecord>> = new Map();
  readonly containers: Map<string, Stored<ContainerRecord>> = new Map();
  readonly #networkNames = new Map<string, string>();
  readonly #containerNames = new Map<string, string>();
  readonly #servicesOfNetwork = new Map<string, Set<string>>();
  readonly #servicesOfContainer = new Map<string, Set<string>>();
  readonly #listeners = new Set<(changes: StateChange[]) => void>();
  readonly mirror: Mirror;

  constructor(mirror: Mirror) {
    this.mirror = mirror;
    for (const kind of Object.keys(TYPES) as Kind[]) {
      for (const entry of mirror.list(`${kind}/`)) this.#put(kind, entry);
    }
    mirror.subscribe((changes) => this.#apply(changes));
  }

  /** Calls back, synchronously, with every batch of changed objects. */
  subscribe(listener: (changes: StateChange[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  networkByName(name: string): Stored<NetworkRecord> | undefined {
    return this.networks.get(this.#networkNames.get(name.toLowerCase()) ?? "");
  }

  containerByName(name: string): Stored<ContainerRecord> | undefined {
    return this.containers.get(this.#containerNames.get(name.toLowerCase()) ?? "");
  }

  /** Services of a network, by creation. */
  servicesOf(network: string): Stored<ServiceRecord>[] {
    return this.#pick(this.#servicesOfNetwork.get(network));
  }

  /** Services that a container backs, by attachment. */
  servicesBackedBy(container: string): Stored<ServiceRecord>[] {
    return this.#pick(this.#servicesOfContainer.get(container)).sort((a, b) =>
      a.record.backend!.interface.localeCompare(b.record.backend!.interface, "en", {
        numeric: true,
      })
    );
  }

  /** Whether an address of a network has an owner. */
  hasAddress(network: string, ip: string): boolean {
    return this.mirror.get(`addresses/${network}/${ip}`) !== undefined;
  }

  #pick(ids: Set<string> | undefined): Stored<ServiceRecord>[] {
    return [...ids ?? []].map((id) => this.services.get(id)!)
      .sort((a, b) => a.record.created < b.record.created ? -1 : 1);
  }

  #apply(changes: Change[]): void {
    const seen: StateChange[] = [];
    for (const change of changes) {
      const key = change.type === "put" ? change.entry.key : change.key;
      const kind = key.slice(0, key.indexOf("/")) as Kind;
      if (!Object.hasOwn(TYPES, kind)) continue;
      const id = key.slice(key.lastIndexOf("/") + 1);
      const before = this[kind].get(id)?.record;
      if (change.type === "put") this.#put(kind, change.entry);
      else this.#delete(kind, id);
      seen.push({ type: TYPES[kind], id, before, after: this[kind].get(id)?.record });
    }
    if (seen.length > 0) { for (const listener of [...this.#listeners]) listener(seen); }
  }

  #put(kind: Kind, entry: Entry): void {
    const record = JSON.parse(entry.value);
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
    if (kind === "services") {
      const { id, network, backend } = record as ServiceRecord;
      index(this.#servicesOfNetwork, network, id, add);
      if (backend) index(this.#servicesOfContainer, backend.container, id, add);
      return;
    }
    const names = kind === "networks" ? this.#networkNames : this.#containerNames;
    const name = record.name?.toLowerCase();
    if (!name) return;
    if (add) names.set(name, record.id);
    else if (names.get(name) === record.id) names.delete(name);
  }
}
