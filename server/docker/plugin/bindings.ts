/**
 * What ties Docker's pools, networks and endpoints to netsvc's networks and services: this host's own,
 * in its embedded store, so that it outlives restarts of either daemon.
 *
 * @module
 */
import type { Mirror } from "../../model/mirror.ts";
import { keys } from "../../model/keys.ts";

/** A pool that Docker asked for. */
export interface PoolRecord {
  id: string;
  family: 4 | 6;
  /** Reference of netsvc's network (`--ipam-opt netsvc.network`). */
  network?: string;
  /** As Docker was told; `0.0.0.0/0` and `::/0` stand for: whatever the network has. */
  pool: string;
  /** CIDR; what Docker tells the network by whose pool this is. */
  gateway: string;
  /** Docker's network, once that is made. */
  dockerNetwork?: string;
  /** RFC 3339. */
  created: string;
}

/** A network of Docker's. */
export interface NetworkBinding {
  /** Docker's, 64 hex digits. */
  id: string;
  /** netsvc's network; absent until it is known: then the one with the name that Docker's has. */
  network?: { id: string; name: string };
  /** Pools that Docker's own IPAM chose. */
  subnets: string[];
  internal: boolean;
  /** Made for it, and goes with it. */
  made?: string;
}

/** An endpoint of Docker's: from its address on, before Docker gives it an id. */
export interface EndpointBinding {
  /** Id of netsvc's network. */
  network: string;
  mac: string;
  /** RFC 3339. */
  created: string;
  /** Id of the service; absent while that is being published. */
  service?: string;
  /** Ids of Docker's. */
  dockerNetwork?: string;
  endpoint?: string;
  container?: string;
  /** Path of the network namespace, while it is joined. */
  sandbox?: string;
}

/** The records. Everyone that writes one holds its lock, so that nothing need be checked. */
export class Bindings {
  readonly #mirror: Mirror;

  constructor(mirror: Mirror) {
    this.#mirror = mirror;
  }

  async #put(key: string, value: unknown): Promise<void> {
    await this.#mirror.commit({ puts: [{ key, value: JSON.stringify(value) }] });
  }

  #get<T>(key: string): T | undefined {
    const entry = this.#mirror.get(key);
    return entry && JSON.parse(entry.value);
  }

  #list<T>(prefix: string): T[] {
    return this.#mirror.list(prefix).map(({ value }) => JSON.parse(value));
  }

  async #delete(key: string): Promise<void> {
    if (this.#mirror.get(key)) await this.#mirror.commit({ deletes: [key] });
  }

  pool(id: string): PoolRecord | undefined {
    return this.#get(keys.dockerPool(id));
  }
  pools(): PoolRecord[] {
    return this.#list(keys.dockerPools);
  }
  putPool(pool: PoolRecord): Promise<void> {
    return this.#put(keys.dockerPool(pool.id), pool);
  }
  deletePool(id: string): Promise<void> {
    return this.#delete(keys.dockerPool(id));
  }

  network(id: string): NetworkBinding | undefined {
    return this.#get(keys.dockerNetwork(id));
  }
  networks(): NetworkBinding[] {
    return this.#list(keys.dockerNetworks);
  }
  putNetwork(network: NetworkBinding): Promise<void> {
    return this.#put(keys.dockerNetwork(network.id), network);
  }
  deleteNetwork(id: string): Promise<void> {
    return this.#delete(keys.dockerNetwork(id));
  }

  endpoint(network: string, mac: string): EndpointBinding | undefined {
    return this.#get(keys.dockerEndpoint(network, mac));
  }
  endpoints(): EndpointBinding[] {
    return this.#list(keys.dockerEndpoints);
  }
  /** By Docker's id. */
  endpointById(id: string): EndpointBinding | undefined {
    return this.endpoints().find(({ endpoint }) => endpoint === id);
  }
  putEndpoint(endpoint: EndpointBinding): Promise<void> {
    return this.#put(keys.dockerEndpoint(endpoint.network, endpoint.mac), endpoint);
  }
  deleteEndpoint({ network, mac }: EndpointBinding): Promise<void> {
    return this.#delete(keys.dockerEndpoint(network, mac));
  }
}
