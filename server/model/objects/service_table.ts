/**
 * Services and endpoints of the mirrors, put together. The records of a service come by separate feeds, in any order:
 * a service of mode `single` exists when both are there, an endpoint of another when its service is there.
 *
 * @module
 */
import { cidrContains, parseCidr, tryParseIp } from "../../../lib/ip/cidr.ts";
import { isPartOf, joined, joinedPart, type StoredService } from "../repository/services.ts";
import type { EndpointRecord, NamedService, NetworkRecord, ServiceRecord } from "../records.ts";
import type { Stored } from "../stored.ts";
import { IdIndex, type Replaced } from "./tables.ts";

/** What only one service of a network can have: name, addresses, MAC; as keys of one index. */
function ownedBy({ network, name, addresses, mac, of }: ServiceRecord): string[] {
  return [
    ...of === undefined ? [`${network}/name/${name.toLowerCase()}`] : [],
    ...addresses.map((address) => `${network}/ip/${address.split("/")[0]}`),
    ...mac === "" ? [] : [`${network}/mac/${mac}`],
  ];
}

/** Whether all addresses are in a network's own subnets, where it has any. */
export function fits(
  { addresses = [] }: Pick<NamedService, "addresses">,
  { pools }: NetworkRecord,
): boolean {
  if (pools.length === 0) return true;
  const subnets = pools.map(({ subnet }) => parseCidr(subnet));
  return addresses.every((text) => {
    const address = tryParseIp(text.split("/")[0]!);
    return address !== undefined && subnets.some((subnet) => cidrContains(subnet, address));
  });
}

/** A service that changed. */
export interface ServiceChange extends Replaced<ServiceRecord> {
  id: string;
}

/** Services with their endpoints. */
export class ServiceTable {
  /** Services, and the endpoints of those with many backends, by id. */
  readonly services: Map<string, StoredService> = new Map();
  readonly #hostId: string;
  readonly #named = new Map<string, Stored<NamedService>>();
  readonly #endpoints = new Map<string, Stored<EndpointRecord>>();
  /** Ids of the endpoints of each service. */
  readonly #ofService = new IdIndex();
  readonly #ofNetwork = new IdIndex();
  /** Answers of {@linkcode of} since a network's services last changed: it is called often. */
  readonly #sorted = new Map<string, readonly StoredService[]>();
  readonly #ofContainer = new IdIndex();
  /** What only one service of a network can have, and the service's id. */
  readonly #owners = new Map<string, string>();

  /** @param hostId of this host */
  constructor(hostId: string) {
    this.#hostId = hostId;
  }

  /** The network of a known service or endpoint. */
  networkOf(kind: "services" | "endpoints", id: string): string | undefined {
    return (kind === "services" ? this.#named : this.#endpoints).get(id)?.record.network;
  }

  /** Takes a service's own record; `undefined` when it is gone. */
  putService(id: string, stored: Stored<NamedService> | undefined): ServiceChange[] {
    if (stored) this.#named.set(id, stored);
    else this.#named.delete(id);
    return [id, ...[...this.#ofService.get(id)].filter((other) => other !== id)]
      .map((one) => this.#join(one));
  }

  /** Takes an endpoint; `undefined` when it is gone. */
  putEndpoint(id: string, stored: Stored<EndpointRecord> | undefined): ServiceChange[] {
    const before = this.#endpoints.get(id)?.record;
    if (before) this.#ofService.delete(before.service, id);
    if (stored) {
      this.#endpoints.set(id, stored);
      this.#ofService.add(stored.record.service, id);
    } else this.#endpoints.delete(id);
    return [this.#join(id)];
  }

  /** Endpoints of an existing service, by attachment: of mode `single`, the one that was made with it. */
  endpointsOf(service: string): EndpointRecord[] {
    const stored = this.services.get(service)?.record;
    if (!stored) return [];
    const ids = stored.mode === "single"
      ? [service]
      : this.partsOf(service).map(({ record }) => record.id);
    return ids.map((id) => this.#endpoints.get(id)!.record);
  }

  /** The endpoints of a service with many backends, by attachment; none of other services. */
  partsOf(service: string): StoredService[] {
    return this.#pick(
      new Set(
        [...this.#ofService.get(service)].filter((id) =>
          this.services.get(id)?.record.of === service
        ),
      ),
    );
  }

  /** Puts the records of one id together; an endpoint belongs only to a service of its own network. */
  #join(id: string): ServiceChange {
    const before = this.services.get(id)?.record;
    if (before) this.#index(before, false);
    this.services.delete(id);
    const service = this.#together(id);
    if (!service) return { id, before, after: undefined };
    this.services.set(id, service);
    this.#index(service.record, true);
    return { id, before, after: service.record };
  }

  #together(id: string): StoredService | undefined {
    const named = this.#named.get(id);
    const endpoint = this.#endpoints.get(id);
    if (named && named.record.mode !== "single") return joined(named, undefined);
    const whole = endpoint && this.#named.get(endpoint.record.service);
    if (!whole || (named && named !== whole)) return undefined;
    if (!named) {
      return isPartOf(endpoint.record, whole.record) ? joinedPart(whole, endpoint) : undefined;
    }
    return endpoint.record.network === named.record.network ? joined(named, endpoint) : undefined;
  }

  #index(service: ServiceRecord, add: boolean): void {
    const { id, network, backend } = service;
    this.#sorted.delete(network);
    const change = add ? "add" : "delete";
    this.#ofNetwork[change](network, id);
    if (backend?.hostId === this.#hostId) this.#ofContainer[change](backend.container, id);
    for (const key of ownedBy(service)) {
      if (add) this.#owners.set(key, id);
      else if (this.#owners.get(key) === id) this.#owners.delete(key);
    }
  }

  /** The id of the service with a name, an address (`ip`) or a MAC on a network. */
  ownerOf(network: string, what: "name" | "ip" | "mac", value: string): string | undefined {
    return this.#owners.get(`${network}/${what}/${value}`);
  }

  /** Services of a network, by creation. */
  of(network: string): readonly StoredService[] {
    let sorted = this.#sorted.get(network);
    if (!sorted) {
      sorted = this.#pick(this.#ofNetwork.get(network));
      if (sorted.length > 0) this.#sorted.set(network, sorted);
    }
    return sorted;
  }

  /** Services that a container of this host backs, by the names of its links. */
  backedBy(container: string): StoredService[] {
    return this.#pick(this.#ofContainer.get(container)).sort((a, b) =>
      a.record.backend!.interface.localeCompare(b.record.backend!.interface, "en", {
        numeric: true,
      })
    );
  }

  #pick(ids: ReadonlySet<string>): StoredService[] {
    return [...ids].map((id) => this.services.get(id)!)
      .sort((a, b) => a.record.created < b.record.created ? -1 : 1);
  }
}
