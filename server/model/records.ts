/**
 * What the store holds, as JSON under the keys of `keys.ts`.
 *
 * @module
 */
import type { LinkAlias, Network, ServicePort } from "../../lib/api/types.ts";

/** A network, as the API shows it, and what is netsvc's own business. */
export interface NetworkRecord extends Network {
  /** Carries the way out of containers whose own networks have none (see legs.ts). */
  role?: "gateway";
  /** What only Docker's API shows of it. */
  docker?: DockerNetworkFacts;
}

/** What a client of Docker's API gave a network that means nothing to netsvc itself. */
export interface DockerNetworkFacts {
  /** Its name, where that is none that DNS could have, or one that differs from another's by case alone. */
  name?: string;
  attachable?: boolean;
  /** Options that netsvc's drivers haven't. */
  options?: Record<string, string>;
  ipamOptions?: Record<string, string>;
  /** Name of the configuration that it was made from. */
  configFrom?: string;
}

/** The backend of a service. */
export interface BackendRecord {
  container: string;
  /** Names and runtime are copies, so that other hosts can show them. */
  containerName?: string;
  /** What the container calls itself, where that is neither its name nor its id. */
  containerHostname?: string;
  runtime: string;
  /** Name and id of the host. */
  host: string;
  hostId: string;
  /** Underlay address of the host when it was attached, of global networks: good while it is silent. */
  address?: string;
  interface: string;
  attached: string;
  aliases: LinkAlias[];
  /**
   * Its rank among the networks of the container when it comes to the default route, the highest first;
   * of those that were joined by Docker's API. Among equals the network whose name sorts first leads out.
   */
  gwPriority?: number;
  /** What a plugin said of the way out when it was joined, where that isn't its own network. */
  wayOut?: "leg" | "none";
}

/** A service as it is stored: a name on a network, and what it offers. */
export interface NamedService {
  id: string;
  name: string;
  network: string;
  created: string;
  /** `single`: it has one endpoint, made with it. */
  mode: "single";
  aliases: string[];
  ports: ServicePort[];
  /** Id of the container that published it under its own name and takes it along. */
  auto?: string;
  /** Only the way out of a container: no name, shown nowhere but with its network. */
  leg?: true;
}

/** A place on a network, of one service: it has an address whether it has a backend or not. */
export interface EndpointRecord {
  /** That of the service, of the first endpoint. */
  id: string;
  service: string;
  network: string;
  /** CIDRs, IPv4 first; empty on networks without addresses. */
  addresses: string[];
  mac: string;
  backend?: BackendRecord;
}

/** An endpoint with a backend. */
export type AttachedEndpoint = EndpointRecord & { backend: BackendRecord };

/** A service of mode `single` with its one endpoint. */
export type ServiceRecord =
  & NamedService
  & Pick<EndpointRecord, "addresses" | "mac" | "backend">;

/** A host that has run a daemon on the shared store, living or not. */
export interface HostRecord {
  id: string;
  name: string;
  /** Underlay address; absent where there is none that others could reach. */
  address?: string;
  /** UDP port of VXLAN. */
  overlayPort: number;
  version: string;
  /** The newest form of the store's records that its daemon knows; absent: the first. */
  form?: number;
  /** RFC 3339: start of the daemon that wrote this. */
  started: string;
}

/** A living host that backs services of a network. */
export interface MemberRecord {
  host: string;
  /** Name of the host. */
  name: string;
  /** Address of its tunnel endpoint (VTEP). */
  address?: string;
}

/** What is remembered of an unpublished service: who comes back under the name gets it again. */
export interface RetiredRecord {
  addresses: string[];
  mac: string;
  /** RFC 3339; for a while after it the addresses go to nobody else. */
  retired: string;
}
