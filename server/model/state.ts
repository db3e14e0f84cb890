/**
 * The mirrors' entries as typed objects, with the look-ups that controllers need. It follows the mirrors synchronously
 * and never writes.
 *
 * @module
 */
import type { Change } from "../../kv/store.ts";
import type { Mirror, Origin } from "./mirror.ts";
import type { Stored } from "./stored.ts";
import { Objects } from "./objects/objects.ts";
import type { StoredService } from "./repository/services.ts";
import { Members } from "./members.ts";
import type { ContainerRecord } from "./container.ts";
import type { AttachedEndpoint, BackendRecord, NetworkRecord, ServiceRecord } from "./records.ts";

export type { Stored } from "./stored.ts";
export type { StoredService } from "./repository/services.ts";

/** One kind of object that changed. */
export interface StateChange {
  /** `member`: the living hosts on a network changed; `id` is the network's. */
  type: "network" | "service" | "container" | "member";
  id: string;
  /** The host that came, moved or went; of members alone. */
  host?: string;
  before: NetworkRecord | ServiceRecord | ContainerRecord | undefined;
  after: NetworkRecord | ServiceRecord | ContainerRecord | undefined;
}

/** Called, synchronously, with every batch of changed objects. */
export type StateListener = (changes: StateChange[], origin: Origin) => void;

/** Options of {@linkcode State}. */
export interface StateOptions {
  /** Id of this host. */
  hostId: string;
  /** How long hosts that are missing after a gap count as alive, in milliseconds. */
  memberGrace?: number;
}

/** Typed view of the mirrors. */
export class State {
  readonly networks: ReadonlyMap<string, Stored<NetworkRecord>>;
  readonly services: ReadonlyMap<string, StoredService>;
  readonly containers: ReadonlyMap<string, Stored<ContainerRecord>>;
  /** The endpoints of a service with many backends, on living hosts or not, by attachment. */
  readonly partsOf: (service: string) => StoredService[];
  readonly members: Members;
  /** Networks of local drivers and their services, containers. */
  readonly local: Mirror;
  /** Networks of global drivers and their services, hosts; the local one on a host by itself. */
  readonly shared: Mirror;
  readonly hostId: string;
  readonly #objects: Objects;
  readonly #listeners = new Set<StateListener>();

  constructor(local: Mirror, shared: Mirror, { hostId, memberGrace = 0 }: StateOptions) {
    this.local = local;
    this.shared = shared;
    this.hostId = hostId;
    this.#objects = new Objects(hostId);
    this.networks = this.#objects.networks.records;
    this.services = this.#objects.services.services;
    this.containers = this.#objects.containers.records;
    this.partsOf = (service) => this.#objects.services.partsOf(service);
    this.members = new Members(
      memberGrace,
      (network, host) => this.#tell([memberChange(network, host)], "change"),
    );
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

  /** A network by name; this host's own has precedence over a shared one. */
  networkByName(name: string): Stored<NetworkRecord> | undefined {
    return this.#objects.networks.named(name);
  }

  containerByName(name: string): Stored<ContainerRecord> | undefined {
    return this.#objects.containers.named(name);
  }

  /** A service by its exact name on a network. */
  serviceByName(network: string, name: string): StoredService | undefined {
    return this.services.get(
      this.#objects.services.ownerOf(network, "name", name.toLowerCase()) ?? "",
    );
  }

  /** Services of a network, and the endpoints of those with many backends, by creation. */
  servicesOf(network: string): readonly StoredService[] {
    return this.#objects.services.of(network);
  }

  /** Services, or endpoints of them, that a container of this host backs, by attachment. */
  servicesBackedBy(container: string): StoredService[] {
    return this.#objects.services.backedBy(container);
  }

  /** Whether an address of a network has an owner. */
  hasAddress(network: string, ip: string): boolean {
    return this.#objects.services.ownerOf(network, "ip", ip) !== undefined;
  }

  /** Whether a MAC address of a network has an owner. */
  hasMac(network: string, mac: string): boolean {
    return this.#objects.services.ownerOf(network, "mac", mac) !== undefined;
  }

  /**
   * Endpoints of a service with their backends on living hosts. This host's own count as long as their containers
   * exist, whatever the store says: this host knows best.
   */
  attachedEndpointsOf(service: Pick<ServiceRecord, "id">): AttachedEndpoint[] {
    return this.#objects.services.endpointsOf(service.id).flatMap((endpoint) => {
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

  /** Services, or endpoints of them, of a network that this host backs. */
  ownBackends(network: string): ServiceRecord[] {
    return this.servicesOf(network).map(({ record }) => record)
      .filter((service) =>
        service.backend?.hostId === this.hostId && this.containers.has(service.backend.container)
      );
  }

  /** Stops the timers. */
  close(): void {
    this.members.close();
  }

  /** @param own whether it is this host's own store that changed */
  #apply(changes: Change[], origin: Origin, own: boolean): void {
    const seen: StateChange[] = [];
    for (const change of changes) {
      const key = change.type === "put" ? change.entry.key : change.key;
      if (!key.startsWith("members/")) {
        seen.push(...this.#objects.take(change, own));
      } else if (own || this.#objects.mayShare(change)) {
        const network = this.members.apply(change, origin);
        if (network !== undefined) seen.push(memberChange(network, key.split("/")[2]!));
      }
    }
    if (seen.length > 0) this.#tell(seen, origin);
  }

  #tell(changes: StateChange[], origin: Origin): void {
    for (const listener of [...this.#listeners]) listener(changes, origin);
  }
}

function memberChange(network: string, host: string): StateChange {
  return { type: "member", id: network, host, before: undefined, after: undefined };
}
