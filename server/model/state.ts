/**
 * The mirrors' entries as typed objects with the look-ups that controllers need. Follows the mirrors
 * synchronously; never writes.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Change } from "../../kv/store.ts";
import type { Mirror, Origin } from "./mirror.ts";
import type { Stored } from "./stored.ts";
import { containerRecords } from "./repository/containers.ts";
import { networkRecords } from "./repository/networks.ts";
import { serviceRecords, type StoredService } from "./repository/services.ts";
import { fits, index, ServiceTable } from "./service_table.ts";
import { Members } from "./members.ts";
import type { ContainerRecord } from "./container.ts";
import type {
  AttachedEndpoint,
  BackendRecord,
  EndpointRecord,
  NetworkRecord,
  ServiceRecord,
} from "./records.ts";

export type { Stored } from "./stored.ts";
export type { StoredService } from "./repository/services.ts";

const log = getLogger(["netsvc", "store"]);

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

/** Kinds of records that become objects. */
const KINDS = new Set(["networks", "services", "endpoints", "containers"]);

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
  readonly services: ReadonlyMap<string, StoredService>;
  readonly containers: Map<string, Stored<ContainerRecord>> = new Map();
  readonly members: Members;
  /** Networks of local drivers and their services, containers. */
  readonly local: Mirror;
  /** Networks of global drivers and their services, hosts; the local one on a host by itself. */
  readonly shared: Mirror;
  readonly hostId: string;
  readonly #networkNames = new Map<string, Set<string>>();
  readonly #containerNames = new Map<string, string>();
  readonly #table: ServiceTable;
  readonly #listeners = new Set<StateListener>();

  constructor(local: Mirror, shared: Mirror, { hostId, memberGrace = 0 }: StateOptions) {
    this.local = local;
    this.shared = shared;
    this.hostId = hostId;
    this.#table = new ServiceTable(hostId);
    this.services = this.#table.services;
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
  serviceByName(network: string, name: string): StoredService | undefined {
    return this.services.get(this.#table.ownerOf(network, "name", name.toLowerCase()) ?? "");
  }

  /** Services of a network, by creation. */
  servicesOf(network: string): readonly StoredService[] {
    return this.#table.of(network);
  }

  /** Services that a container of this host backs, by attachment. */
  servicesBackedBy(container: string): StoredService[] {
    return this.#table.backedBy(container);
  }

  /** Whether an address of a network has an owner. */
  hasAddress(network: string, ip: string): boolean {
    return this.#table.ownerOf(network, "ip", ip) !== undefined;
  }

  /** Whether a MAC address of a network has an owner. */
  hasMac(network: string, mac: string): boolean {
    return this.#table.ownerOf(network, "mac", mac) !== undefined;
  }

  /** Endpoints of a service: one, of mode `single`. */
  endpointsOf(service: Pick<ServiceRecord, "id">): EndpointRecord[] {
    return this.#table.endpointsOf(service.id);
  }

  /**
   * Endpoints of a service with their backends, while the hosts of these live. This host's own count as
   * long as their containers are there, whatever the store believes: it knows best.
   */
  attachedEndpointsOf(service: Pick<ServiceRecord, "id">): AttachedEndpoint[] {
    return this.endpointsOf(service).flatMap((endpoint) => {
      const { network, backend } = endpoint;
      if (!backend) return [];
      const alive = backend.hostId === this.hostId
        ? this.containers.has(backend.container)
        : this.members.has(network, backend.hostId);
      return alive ? [{ ...endpoint, backend }] : [];
    });
  }

  /** Living backends of a service. */
  backendsOf(service: Pick<ServiceRecord, "id">): BackendRecord[] {
    return this.attachedEndpointsOf(service).map(({ backend }) => backend);
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

  #memberGone(network: string): void {
    this.#tell([{ type: "member", id: network, before: undefined, after: undefined }], "change");
  }

  /** @param own whether it is this host's own store that changed */
  #apply(changes: Change[], origin: Origin, own: boolean): void {
    const seen: StateChange[] = [];
    for (const change of changes) {
      const key = change.type === "put" ? change.entry.key : change.key;
      const kind = key.slice(0, key.indexOf("/"));
      if (!own && !this.#mayShare(kind, change)) continue;
      if (kind === "members") {
        const network = this.members.apply(change, origin);
        if (network === undefined) continue;
        seen.push({ type: "member", id: network, before: undefined, after: undefined });
      } else if (KINDS.has(kind)) {
        const applied = this.#applyRecord(kind, key, change);
        // What was never let in leaves no trace when it goes.
        if (applied.before || applied.after) seen.push(applied);
      }
    }
    if (seen.length > 0) this.#tell(seen, origin);
  }

  /**
   * Whether a change of the shared store is one that this host goes by: what is its own nobody else has a
   * say in, be it by the same id, or as a part of it; and an endpoint is within its network's subnets.
   */
  #mayShare(kind: string, change: Change): boolean {
    if (kind === "containers") return false;
    const key = change.type === "put" ? change.entry.key : change.key;
    const [, first = "", second = ""] = key.split("/");
    const network = this.networks.get(first)?.record;
    if (network?.scope === "local") return false;
    if (kind !== "services" && kind !== "endpoints") return true;
    const of = this.#table.networkOf(kind, second);
    if (of !== undefined && of !== first) return false;
    if (kind === "services" || change.type === "delete" || !network) return true;
    const endpoint = serviceRecords.readEndpoint(change.entry)?.record;
    if (endpoint === undefined || fits(endpoint, network)) return endpoint !== undefined;
    log.warn("The record {key} of the store is left out: it has an address outside of its subnet", {
      key: JSON.stringify(key),
    });
    return false;
  }

  #applyRecord(kind: string, key: string, change: Change): StateChange {
    const id = key.slice(key.lastIndexOf("/") + 1);
    const entry = change.type === "put" ? change.entry : undefined;
    if (kind === "services") {
      const stored = entry && serviceRecords.read(entry);
      return { type: "service", ...this.#table.putService(id, stored) };
    }
    if (kind === "endpoints") {
      const stored = entry && serviceRecords.readEndpoint(entry);
      return { type: "service", ...this.#table.putEndpoint(id, stored) };
    }
    if (kind === "networks") {
      return { type: "network", id, ...this.#putNetwork(id, entry && networkRecords.read(entry)) };
    }
    const stored = entry && containerRecords.read(entry);
    return { type: "container", id, ...this.#putContainer(id, stored) };
  }

  #tell(changes: StateChange[], origin: Origin): void {
    for (const listener of [...this.#listeners]) listener(changes, origin);
  }

  #putNetwork(id: string, stored: Stored<NetworkRecord> | undefined) {
    const before = this.networks.get(id)?.record;
    if (before) index(this.#networkNames, before.name.toLowerCase(), id, false);
    if (stored) {
      this.networks.set(id, stored);
      index(this.#networkNames, stored.record.name.toLowerCase(), id, true);
    } else this.networks.delete(id);
    return { before, after: stored?.record };
  }

  #putContainer(id: string, stored: Stored<ContainerRecord> | undefined) {
    const before = this.containers.get(id)?.record;
    const former = before?.name?.toLowerCase();
    if (former !== undefined && this.#containerNames.get(former) === id) {
      this.#containerNames.delete(former);
    }
    if (stored) this.containers.set(id, stored);
    else this.containers.delete(id);
    const name = stored?.record.name?.toLowerCase();
    // An adopted container's name is its engine's: netsvc's own ones go before it.
    const free = name !== undefined &&
      (stored?.record.kind !== "adopted" || !this.#containerNames.has(name));
    if (free) this.#containerNames.set(name, id);
    return { before, after: stored?.record };
  }
}
