/**
 * What this host remembers for Docker: the bindings of Docker's pools, networks and endpoints to netsvc's, and
 * configurations that networks are created from.
 *
 * @module
 */
import { z } from "zod";
import { keys } from "../keys.ts";
import type { Mirror } from "../mirror.ts";
import { RecordType } from "./record_type.ts";

const Pool = z.object({
  id: z.string(),
  family: z.union([z.literal(4), z.literal(6)]),
  /** Reference of netsvc's network (`--ipam-opt netsvc.network`). */
  network: z.string().exactOptional(),
  /** As Docker was told; `0.0.0.0/0` and `::/0` stand for whatever the network has. */
  pool: z.string(),
  /** CIDR; Docker passes it on to the network, which finds the pool by it. */
  gateway: z.string(),
  /** Docker's network, once that is created. */
  dockerNetwork: z.string().exactOptional(),
  /** RFC 3339. */
  created: z.string(),
});
/** A pool that Docker asked for. */
export type PoolRecord = z.output<typeof Pool>;

const Network = z.object({
  /** Docker's id, 64 hex digits. */
  id: z.string(),
  /** netsvc's network; absent until it is known: then the one with the same name. */
  network: z.object({ id: z.string(), name: z.string() }).exactOptional(),
  /** Pools that Docker's own IPAM chose. */
  subnets: z.array(z.string()),
  internal: z.boolean(),
  /** Id of netsvc's network, if it was created for this one and is removed with it. */
  made: z.string().exactOptional(),
});
/** A network of Docker's. */
export type NetworkBinding = z.output<typeof Network>;

const Endpoint = z.object({
  /** Id of netsvc's network. */
  network: z.string(),
  mac: z.string(),
  /** RFC 3339. */
  created: z.string(),
  /** Id of the service; absent while it is being published. */
  service: z.string().exactOptional(),
  /** Docker's ids. */
  dockerNetwork: z.string().exactOptional(),
  endpoint: z.string().exactOptional(),
  container: z.string().exactOptional(),
  /** Path of the network namespace, while the endpoint is joined. */
  sandbox: z.string().exactOptional(),
});
/** An endpoint of Docker's: it begins with its address, before Docker gives it an id. */
export type EndpointBinding = z.output<typeof Endpoint>;

const pools = new RecordType("pool of Docker's", 1, Pool);
const networks = new RecordType("network of Docker's", 1, Network);
const endpoints = new RecordType("endpoint of Docker's", 1, Endpoint);

/** Local store, where only a daemon writes: nothing need be checked. */
type Local = Pick<Mirror, "get" | "list" | "commit">;

/** A table of records; the holder of a record's lock writes it. */
class Table<T extends object> {
  readonly #local: Local;
  readonly #type: RecordType<T>;
  readonly #prefix: string;

  constructor(local: Local, type: RecordType<T>, prefix: string) {
    this.#local = local;
    this.#type = type;
    this.#prefix = prefix;
  }

  get(key: string): T | undefined {
    return this.#type.parse(this.#local.get(key)?.value);
  }

  list(): T[] {
    return this.#type.readAll(this.#local.list(this.#prefix));
  }

  async put(key: string, record: T): Promise<void> {
    await this.#local.commit({ puts: [{ key, value: this.#type.write(record) }] });
  }

  async delete(key: string): Promise<void> {
    if (this.#local.get(key)) await this.#local.commit({ deletes: [key] });
  }
}

/**
 * The bindings of Docker's pools, networks and endpoints to netsvc's networks and services: this host's own, in its
 * embedded store, so that they outlive restarts of either daemon.
 */
export class Bindings {
  readonly #pools: Table<PoolRecord>;
  readonly #networks: Table<NetworkBinding>;
  readonly #endpoints: Table<EndpointBinding>;

  constructor(local: Local) {
    this.#pools = new Table(local, pools, keys.dockerPools);
    this.#networks = new Table(local, networks, keys.dockerNetworks);
    this.#endpoints = new Table(local, endpoints, keys.dockerEndpoints);
  }

  pool(id: string): PoolRecord | undefined {
    return this.#pools.get(keys.dockerPool(id));
  }
  pools(): PoolRecord[] {
    return this.#pools.list();
  }
  putPool(pool: PoolRecord): Promise<void> {
    return this.#pools.put(keys.dockerPool(pool.id), pool);
  }
  deletePool(id: string): Promise<void> {
    return this.#pools.delete(keys.dockerPool(id));
  }

  network(id: string): NetworkBinding | undefined {
    return this.#networks.get(keys.dockerNetwork(id));
  }
  networks(): NetworkBinding[] {
    return this.#networks.list();
  }
  putNetwork(network: NetworkBinding): Promise<void> {
    return this.#networks.put(keys.dockerNetwork(network.id), network);
  }
  deleteNetwork(id: string): Promise<void> {
    return this.#networks.delete(keys.dockerNetwork(id));
  }

  endpoint(network: string, mac: string): EndpointBinding | undefined {
    return this.#endpoints.get(keys.dockerEndpoint(network, mac));
  }
  endpoints(): EndpointBinding[] {
    return this.#endpoints.list();
  }
  /** By Docker's id. */
  endpointById(id: string): EndpointBinding | undefined {
    return this.endpoints().find(({ endpoint }) => endpoint === id);
  }
  putEndpoint(endpoint: EndpointBinding): Promise<void> {
    return this.#endpoints.put(keys.dockerEndpoint(endpoint.network, endpoint.mac), endpoint);
  }
  deleteEndpoint({ network, mac }: EndpointBinding): Promise<void> {
    return this.#endpoints.delete(keys.dockerEndpoint(network, mac));
  }
}

/** Configurations that networks are created from (`--config-only`): the API has their schema. */
export class Configurations<T extends { id: string }> {
  readonly #local: Local;
  readonly #type: RecordType<T>;

  constructor(local: Local, schema: z.ZodType<T>) {
    this.#local = local;
    this.#type = new RecordType("configuration of a network", 1, schema);
  }

  list(): T[] {
    return this.#type.readAll(this.#local.list(keys.dockerConfigs));
  }

  async put(config: T): Promise<void> {
    const put = { key: keys.dockerConfig(config.id), value: this.#type.write(config) };
    await this.#local.commit({ puts: [put] });
  }

  async delete(id: string): Promise<void> {
    await this.#local.commit({ deletes: [keys.dockerConfig(id)] });
  }
}
