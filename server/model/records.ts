/**
 * What the store holds, as JSON under the keys of `keys.ts`.
 *
 * @module
 */
import type { LinkAlias, Network, ServicePort } from "../../lib/api/types.ts";

/** A network, as the API shows it, with netsvc's internal fields. */
export interface NetworkRecord extends Network {
  /** Carries the uplinks of containers whose own networks have no way out (see `uplink_plan.ts`). */
  role?: "gateway";
  /** Facts that only Docker's API shows. */
  docker?: DockerNetworkFacts;
}

/** What a client of Docker's API set on a network that means nothing to netsvc itself. */
export interface DockerNetworkFacts {
  /** Its name for Docker, where DNS couldn't have it, or where it differs from another's by case alone. */
  name?: string;
  attachable?: boolean;
  /** Options that netsvc's drivers don't have. */
  options?: Record<string, string>;
  ipamOptions?: Record<string, string>;
  /** Name of the configuration that it was created from. */
  configFrom?: string;
}

/** The backend of a service. */
export interface BackendRecord {
  container: string;
  /** Names and runtime are copies, so that other hosts can show them. */
  containerName?: string;
  /** The container's host name, where that is neither its name nor its id. */
  containerHostname?: string;
  runtime: string;
  /** Name and id of the host. */
  host: string;
  hostId: string;
  /** Underlay address of the host at the attachment, of global networks: used while the host is silent. */
  address?: string;
  interface: string;
  attached: string;
  aliases: LinkAlias[];
  /**
   * Its rank for the container's default route, the highest first; of endpoints that were joined by Docker's API. Among
   * equals the network whose name sorts first gets the default route.
   */
  gwPriority?: number;
  /** What a plugin decided on the default route at the join, where that isn't by its own network. */
  wayOut?: "leg" | "none";
}

/**
 * How many backends a service has, and what its name answers: `single` has one endpoint, which was made with it and
 * keeps its address; others have one for each backend, and answer `vip` an address of the service's own, from which
 * connections are led to backends, or `dnsrr` those of the backends.
 */
export type ServiceMode = "single" | "vip" | "dnsrr";

/** A service as it is stored: a name on a network, and what it offers. */
export interface NamedService {
  id: string;
  name: string;
  network: string;
  created: string;
  mode: ServiceMode;
  /** CIDRs, IPv4 first, of mode `vip` alone: reserved until it is unpublished. */
  addresses?: string[];
  aliases: string[];
  ports: ServicePort[];
  /** Id of the container that it was published for, under the container's name, and with which it ends. */
  auto?: string;
  /** It is an uplink: it has no name in DNS, and is shown only with its network. */
  leg?: true;
}

/**
 * An endpoint of a service on a network. That of a service of mode `single` has its addresses with or without a
 * backend; those of a service with many come and go with their backends.
 */
export interface EndpointRecord {
  /** Of a service of mode `single`: the service's id. */
  id: string;
  service: string;
  network: string;
  /** CIDRs, IPv4 first; empty on networks without addresses. */
  addresses: string[];
  mac: string;
  backend?: BackendRecord;
  /** Share of the connections, beside those of the service's others; 1 unless given. Of services with many alone. */
  weight?: number;
  /** RFC 3339: since when it is given no new connections. Of services with many alone. */
  draining?: string;
}

/** An endpoint with a backend. */
export type AttachedEndpoint = EndpointRecord & { backend: BackendRecord };

/**
 * What drivers, addresses and DNS deal with, a name with an endpoint: a service of mode `single` with its own one; or
 * one endpoint of a service with many, which then has the service's name, and names it by `of`; or such a service
 * itself, which has no backend, and no addresses but those of mode `vip`.
 */
export type ServiceRecord =
  & NamedService
  & Pick<EndpointRecord, "addresses" | "mac" | "backend" | "weight" | "draining">
  & {
    /** Id of the service with many backends whose endpoint this is. */
    of?: string;
  };

/** A host that has run a daemon on the shared store, living or not. */
export interface HostRecord {
  id: string;
  name: string;
  /** Underlay address; absent where other hosts could reach none. */
  address?: string;
  /** UDP port of VXLAN. */
  overlayPort: number;
  version: string;
  /** The newest form of the store's records that its daemon knows; absent for form 1. */
  form?: number;
  /** RFC 3339: start of the daemon that wrote this. */
  started: string;
}

/** What a host says of its end of tunnels. */
export interface TunnelRecord {
  /** Its id. */
  host: string;
  /** Its public key. */
  key: string;
  /** The next one, while it changes it. */
  next?: string;
  /** RFC 3339: when the key was made. */
  made: string;
  /** ADDRESS:PORT, an IPv6 address in brackets; absent where others could reach none. */
  endpoint?: string;
  /** Where it sees other hosts, by id, if that is elsewhere than they say. */
  seen?: Record<string, string>;
}

/** A request that all hosts change their keys. */
export interface RotationRecord {
  id: string;
  /** RFC 3339. */
  requested: string;
}

/** A living host that backs services of a network. */
export interface MemberRecord {
  host: string;
  /** Name of the host. */
  name: string;
  /** Address of its tunnel endpoint (VTEP). */
  address?: string;
}

/** What is remembered of an unpublished service: a later one with the name gets it again. */
export interface RetiredRecord {
  addresses: string[];
  mac: string;
  /** RFC 3339; other services don't get the addresses for a while after it. */
  retired: string;
}
