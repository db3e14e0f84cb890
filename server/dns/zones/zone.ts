/**
 * The names of one network as an immutable snapshot: built from its services, replaced as a whole.
 * Pure.
 *
 * @module
 */
import { type Cidr, familyOf, formatIp, parseCidr, parseIp } from "../../../lib/ip/cidr.ts";

/** A port that SRV answers with. */
export interface ZonePort {
  name?: string;
  port: number;
  protocol: "tcp" | "udp";
}

/** An endpoint of a service with a living backend. */
export interface ZoneEndpoint {
  /** Without prefix length. */
  addresses: string[];
  ports: ZonePort[];
  /** Names of the backend container; services' names and aliases take precedence. */
  containerNames: string[];
  /** The backend container's host name (`--hostname`); all other names take precedence. */
  hostname?: string;
}

/** A service of a network. */
export interface ZoneService {
  name: string;
  aliases: string[];
  /** Endpoints with a backend; none where no container is attached. */
  endpoints: ZoneEndpoint[];
}

/** What a zone is built from. */
export interface ZoneNetwork {
  name: string;
  /** In seconds. */
  ttl: number;
  /** CIDRs. */
  subnets: string[];
  services: ZoneService[];
}

/** An endpoint of a service, in the form that answers use. */
export interface ZoneTarget {
  /** `service.network`, as it was published. */
  fqdn: string;
  v4: string[];
  v6: string[];
  ports: ZonePort[];
}

/** The names of one network. */
export interface NetworkZone {
  name: string;
  /** In seconds. */
  ttl: number;
  subnets: Cidr[];
  /** Endpoints by lower-case name; empty: a published service without a backend. */
  names: ReadonlyMap<string, ZoneTarget[]>;
  /** Endpoints by host name; without names that are in {@linkcode names}. */
  hostnames: ReadonlyMap<string, ZoneTarget[]>;
  /** Services by canonical address. */
  addresses: ReadonlyMap<string, ZoneTarget>;
}

function toTarget(fqdn: string, { addresses, ports }: ZoneEndpoint): ZoneTarget {
  return {
    fqdn,
    v4: addresses.filter((address) => familyOf(address) === 4),
    v6: addresses.filter((address) => familyOf(address) === 6),
    ports,
  };
}

/**
 * Builds a zone. A service's name takes precedence over an alias, an alias over a container's name, and that over a
 * host name. All endpoints with the same alias, or host name, answer to it; a published service without a backend
 * holds its name with no answer, unless the name is another service's alias.
 */
export function buildZone(network: ZoneNetwork): NetworkZone {
  const services = new Map<string, ZoneTarget[]>();
  const aliases = new Map<string, ZoneTarget[]>();
  const containers = new Map<string, ZoneTarget[]>();
  const hostnames = new Map<string, ZoneTarget[]>();
  const addresses = new Map<string, ZoneTarget>();
  const add = (map: Map<string, ZoneTarget[]>, name: string, target: ZoneTarget) => {
    const key = name.toLowerCase();
    const list = map.get(key);
    if (!list) map.set(key, [target]);
    else if (!list.includes(target)) list.push(target);
  };
  for (const service of network.services) {
    for (const endpoint of service.endpoints) {
      const target = toTarget(`${service.name}.${network.name}`, endpoint);
      add(services, service.name, target);
      for (const alias of service.aliases) add(aliases, alias, target);
      for (const name of endpoint.containerNames) add(containers, name, target);
      for (const name of hostNames(endpoint.hostname)) add(hostnames, name, target);
      for (const address of endpoint.addresses) addresses.set(formatIp(parseIp(address)), target);
    }
  }
  const published = network.services.filter(({ endpoints }) => endpoints.length === 0)
    .map(({ name }): [string, ZoneTarget[]] => [name.toLowerCase(), []]);
  const names = new Map([...containers, ...published, ...aliases, ...services]);
  for (const name of names.keys()) hostnames.delete(name);
  return {
    name: network.name,
    ttl: network.ttl,
    subnets: network.subnets.map(parseCidr),
    names,
    hostnames,
    addresses,
  };
}

/** A host name as given, and its first label where it is a full one. */
function hostNames(hostname: string | undefined): string[] {
  if (hostname === undefined) return [];
  const dot = hostname.indexOf(".");
  return dot > 0 ? [hostname, hostname.slice(0, dot)] : [hostname];
}
