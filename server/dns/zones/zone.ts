/**
 * The names of one network, changed service by service: one more costs the same with ten and with ten thousand.
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
  /** What SRV says of its share; 0 unless given. */
  weight?: number;
  /** It answers by its own names only, not by the service's. */
  draining?: true;
}

/** A service of a network. */
export interface ZoneService {
  name: string;
  aliases: string[];
  /** Endpoints with a backend; none where no container is attached. */
  endpoints: ZoneEndpoint[];
  /**
   * Each endpoint has names of its own, `CONTAINER.SERVICE`, and all of them are `tasks.SERVICE`; the service's name
   * answers some of them at a time.
   */
  many?: true;
  /** What the name of one with many answers instead: its own address. */
  vip?: Pick<ZoneEndpoint, "addresses" | "ports">;
}

/** What a zone has besides its services. */
export interface ZoneFacts {
  name: string;
  /** In seconds. */
  ttl: number;
  /** CIDRs. */
  subnets: string[];
}

/** An endpoint of a service, in the form that answers use. */
export interface ZoneTarget {
  /** `service.network`, as it was published. */
  fqdn: string;
  v4: string[];
  v6: string[];
  ports: ZonePort[];
  weight: number;
  /** Of a name with many of these, a few are answered at a time. */
  few?: true;
}

/** What a name can be: of a service, an alias, a container, a host. */
type Rank = "services" | "aliases" | "containers" | "hosts";

/** A name, and all that answer to it. */
class Claims {
  /** Services of this name without a backend. */
  published = 0;
  services: ZoneTarget[] | undefined = undefined;
  aliases: ZoneTarget[] | undefined = undefined;
  containers: ZoneTarget[] | undefined = undefined;
  hosts: ZoneTarget[] | undefined = undefined;

  get isEmpty(): boolean {
    return this.published === 0 && !this.services && !this.aliases && !this.containers &&
      !this.hosts;
  }

  add(rank: Rank, target: ZoneTarget): void {
    const all = this[rank];
    if (all) all.push(target);
    else this[rank] = [target];
  }

  drop(rank: Rank, target: ZoneTarget): void {
    const all = this[rank] ?? [];
    const at = all.indexOf(target);
    if (at >= 0) all.splice(at, 1);
    if (all.length === 0) this[rank] = undefined;
  }
}

/** A service as it is in the zone. */
interface Placed {
  service: ZoneService;
  claims: Claim[];
  /** By address. */
  addresses: [address: string, target: ZoneTarget][];
}

/** What an endpoint answers to. */
type Claim = [rank: Rank, name: string, target: ZoneTarget];

const NOBODY: readonly ZoneTarget[] = [];
/** Number of changes of all zones: what is made later has a higher version, whichever zone it is in. */
let versions = 0;

/** The names of one network. */
export class Zone {
  readonly #services = new Map<string, Placed>();
  readonly #names = new Map<string, Claims>();
  /** Endpoints by canonical address. */
  readonly #addresses = new Map<string, ZoneTarget>();
  #facts: ZoneFacts;
  #subnets: Cidr[];
  #version = ++versions;

  constructor(facts: ZoneFacts) {
    this.#facts = facts;
    this.#subnets = facts.subnets.map(parseCidr);
  }

  get name(): string {
    return this.#facts.name;
  }

  /** In seconds. */
  get ttl(): number {
    return this.#facts.ttl;
  }

  get subnets(): readonly Cidr[] {
    return this.#subnets;
  }

  /** Grows with every change of an answer. */
  get version(): number {
    return this.#version;
  }

  /** Number of services. */
  get size(): number {
    return this.#services.size;
  }

  /** Begins anew, without services: the network has another name, time to live or subnet. */
  reset(facts: ZoneFacts): void {
    this.#facts = facts;
    this.#subnets = facts.subnets.map(parseCidr);
    this.#services.clear();
    this.#names.clear();
    this.#addresses.clear();
    this.#version = ++versions;
  }

  /**
   * Takes a service, new or changed; `undefined` when it is gone. Looks at the names of this service alone.
   *
   * @returns the lower-case names that it touched; none when nothing has changed
   */
  put(id: string, service: ZoneService | undefined): string[] {
    const old = this.#services.get(id);
    if (!old && !service) return [];
    if (old && service && JSON.stringify(old.service) === JSON.stringify(service)) return [];
    const touched = new Set<string>();
    if (old) this.#remove(id, old, touched);
    if (service) this.#add(id, service, touched);
    this.#version = ++versions;
    return [...touched];
  }

  /**
   * Endpoints that answer to a lower-case name; empty: a published service without a backend. A service's name takes
   * precedence over an alias, and an alias over a container's name. All endpoints with the same alias answer to it; a
   * published service without a backend holds its name with no answer, unless the name is another service's alias.
   */
  targets(name: string): readonly ZoneTarget[] | undefined {
    const claims = this.#names.get(name);
    return claims &&
      (claims.services ?? claims.aliases ?? (claims.published > 0 ? NOBODY : claims.containers));
  }

  /** Endpoints by the lower-case host name of their containers, as long as it is no other name. */
  hostTargets(name: string): readonly ZoneTarget[] | undefined {
    return this.targets(name) ? undefined : this.#names.get(name)?.hosts;
  }

  /** The endpoint with a canonical address. */
  targetAt(address: string): ZoneTarget | undefined {
    return this.#addresses.get(address);
  }

  #add(id: string, service: ZoneService, touched: Set<string>): void {
    const placed = (service.many ? placeMany : place)(service, this.#facts.name);
    this.#services.set(id, placed);
    if (isSilent(placed)) this.#claims(service.name.toLowerCase(), touched).published++;
    for (const [rank, name, target] of placed.claims) {
      this.#claims(name, touched).add(rank, target);
    }
    for (const [address, target] of placed.addresses) this.#addresses.set(address, target);
  }

  #remove(id: string, placed: Placed, touched: Set<string>): void {
    this.#services.delete(id);
    const names = new Set<string>();
    if (isSilent(placed)) this.#claims(placed.service.name.toLowerCase(), names).published--;
    for (const [rank, name, target] of placed.claims) this.#claims(name, names).drop(rank, target);
    for (const [address, target] of placed.addresses) {
      if (this.#addresses.get(address) === target) this.#addresses.delete(address);
    }
    for (const name of names) {
      touched.add(name);
      if (this.#names.get(name)!.isEmpty) this.#names.delete(name);
    }
  }

  #claims(name: string, touched: Set<string>): Claims {
    touched.add(name);
    let claims = this.#names.get(name);
    if (!claims) this.#names.set(name, claims = new Claims());
    return claims;
  }
}

/** Whether nothing answers to the name of a service. */
function isSilent({ service, claims }: Placed): boolean {
  const name = service.name.toLowerCase();
  return !claims.some(([rank, claimed]) => rank === "services" && claimed === name);
}

/** A service whose name is that of its endpoints. */
function place(service: ZoneService, zone: string): Placed {
  const placed: Placed = { service, claims: [], addresses: [] };
  for (const endpoint of service.endpoints) {
    const target = toTarget(`${service.name}.${zone}`, endpoint);
    placed.claims.push(
      ...claimsOf("services", [service.name], target),
      ...claimsOf("aliases", service.aliases, target),
      ...ofContainer(endpoint, target),
    );
    placed.addresses.push(...addressesOf(endpoint, target));
  }
  return placed;
}

/** A service of which each endpoint has a name of its own. */
function placeMany(service: ZoneService, zone: string): Placed {
  const { name, vip } = service;
  const placed: Placed = { service, claims: [], addresses: [] };
  if (vip) {
    const target = toTarget(`${name}.${zone}`, vip);
    placed.claims.push(
      ...claimsOf("services", [name], target),
      ...claimsOf("aliases", service.aliases, target),
    );
    placed.addresses.push(...addressesOf(vip, target));
  }
  for (const endpoint of service.endpoints) {
    const own = endpoint.containerNames.map((container) => `${container}.${name}`);
    const target = toTarget(`${own[0] ?? `tasks.${name}`}.${zone}`, endpoint);
    placed.claims.push(
      ...claimsOf("services", [`tasks.${name}`, ...own], target),
      ...ofContainer(endpoint, target),
    );
    placed.addresses.push(...addressesOf(endpoint, target));
    if (endpoint.draining || service.vip) continue;
    const few: ZoneTarget = { ...target, few: true };
    placed.claims.push(
      ...claimsOf("services", [name], few),
      ...claimsOf("aliases", service.aliases, few),
    );
  }
  return placed;
}

/** Names in lower case, each once. */
function claimsOf(rank: Rank, names: string[], target: ZoneTarget): Claim[] {
  return [...new Set(names.map((name) => name.toLowerCase()))].map((name) => [rank, name, target]);
}

function ofContainer({ containerNames, hostname }: ZoneEndpoint, target: ZoneTarget): Claim[] {
  return [
    ...claimsOf("containers", containerNames, target),
    ...claimsOf("hosts", hostNames(hostname), target),
  ];
}

function addressesOf(
  { addresses }: Pick<ZoneEndpoint, "addresses">,
  target: ZoneTarget,
): [string, ZoneTarget][] {
  return addresses.map((address) => [canonical(address), target]);
}

function toTarget(
  fqdn: string,
  { addresses, ports, weight = 0 }: Pick<ZoneEndpoint, "addresses" | "ports" | "weight">,
): ZoneTarget {
  return {
    fqdn,
    v4: addresses.filter((address) => familyOf(address) === 4),
    v6: addresses.filter((address) => familyOf(address) === 6),
    ports,
    weight,
  };
}

function canonical(address: string): string {
  return formatIp(parseIp(address));
}

/** A host name as given, and its first label where it is a full one. */
function hostNames(hostname: string | undefined): string[] {
  if (hostname === undefined) return [];
  const dot = hostname.indexOf(".");
  return dot > 0 ? [hostname, hostname.slice(0, dot)] : [hostname];
}
