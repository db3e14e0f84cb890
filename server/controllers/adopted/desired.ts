/**
 * The networks that engines' containers are to be attached to whenever they run, in this host's own store. No other
 * source counts: the label of a container may come from its image.
 *
 * The networks of a container of Docker's are noted before the engine makes it, under a random key, which the
 * container's label holds; and under the container's id as soon as that is known. So a crash between the two loses
 * nothing, and each key is good for one container: copying a label gives another container nothing.
 *
 * @module
 */
import type { LinkAlias } from "../../../lib/api/types.ts";
import type { Mirror } from "../../model/mirror.ts";
import {
  announcements,
  desiredContainers,
  type DesiredEndpoint,
  desiredOf,
  type DesiredRecord,
  isFollowed,
  putDesired,
} from "../../model/repository/desired.ts";
import { decideAndCommit, together } from "../../model/transaction.ts";

/** What a client of Docker's asked for a container: the networks of its own services. */
export interface DesiredNetworks {
  /** The network mode that the client asked for. */
  mode: string;
  endpoints: DesiredEndpoint[];
}

/** A service that exists without its container and that the container is to back. */
export interface Followed {
  service: string;
  /** Id and name of its network. */
  network: string;
  name: string;
  /** Other services under the container's own aliases. */
  links: LinkAlias[];
}

/** The records. Only this daemon writes them. */
export class Desired {
  readonly #local: Mirror;
  /** Containers that asked for fixed addresses. */
  readonly #fixed = new Map<string, DesiredEndpoint[]>();

  constructor(local: Mirror) {
    this.#local = local;
    for (const id of this.ids()) this.#index(id);
  }

  /** What a client of Docker's asked for a container, if anything. */
  networks(id: string): DesiredNetworks | undefined {
    const desired = desiredOf(this.#local, id);
    if (desired?.mode === undefined) return undefined;
    return {
      mode: desired.mode,
      endpoints: desired.endpoints.filter((endpoint) => !isFollowed(endpoint)),
    };
  }

  /** The services, existing without the container, that it is to back again. */
  followed(id: string): DesiredEndpoint[] {
    return desiredOf(this.#local, id)?.endpoints.filter(isFollowed) ?? [];
  }

  /** Ids of all containers with a desired record. */
  ids(): string[] {
    return desiredContainers(this.#local);
  }

  /** Addresses that containers asked for on a network, running or not. */
  fixedAddresses(network: string): string[] {
    return [...this.#fixed.values()].flat().flatMap((endpoint) =>
      endpoint.network === network ? endpoint.ips : []
    );
  }

  #index(id: string): void {
    const endpoints = desiredOf(this.#local, id)?.endpoints.filter(({ ips }) => ips.length > 0);
    if (endpoints && endpoints.length > 0) this.#fixed.set(id, endpoints);
    else this.#fixed.delete(id);
  }

  /** Writes what a client of Docker's asked for a container; the services that it follows stay. */
  async save(id: string, { mode, endpoints }: DesiredNetworks): Promise<void> {
    await this.#change(id, () => ({ mode, endpoints: [...endpoints, ...this.followed(id)] }));
  }

  /** Deletes a container's desired record. */
  async forget(id: string): Promise<void> {
    if (desiredOf(this.#local, id)) await this.#change(id, () => undefined);
  }

  /** Notes that a container backs a service again whenever it starts. */
  async follow(id: string, { service, network, name, links }: Followed): Promise<void> {
    await this.#change(id, (desired = { endpoints: [] }) => {
      const others = desired.endpoints.filter((endpoint) => endpoint.service !== service);
      const endpoint = { network, name, service, aliases: [], links, ips: [] };
      return { ...desired, endpoints: [...others, endpoint] };
    });
  }

  /** Notes that a container no longer follows a service. */
  async unfollow(id: string, service: string): Promise<void> {
    if (!this.followed(id).some((endpoint) => endpoint.service === service)) return;
    await this.#change(id, (desired = { endpoints: [] }) => ({
      ...desired,
      endpoints: desired.endpoints.filter((endpoint) => endpoint.service !== service),
    }));
  }

  /** Decides again after a conflict: the native API and Docker's hold different locks. */
  async #change(
    id: string,
    decide: (desired?: DesiredRecord) => DesiredRecord | undefined,
  ): Promise<void> {
    await decideAndCommit(this.#local, () => ({
      transaction: putDesired(this.#local, {
        container: id,
        record: decide(desiredOf(this.#local, id)),
      }),
      result: undefined,
    }));
    this.#index(id);
  }

  /** Notes what is asked for a container before it is made; returns the key for its label. */
  async announce(networks: DesiredNetworks): Promise<string> {
    const key = crypto.getRandomValues(new Uint8Array(16)).toHex();
    await this.#local.commit(announcements.put(key, networks));
    return key;
  }

  /** What was announced under a key that is unclaimed. */
  announced(key: string): DesiredNetworks | undefined {
    const { mode, endpoints = [] } = announcements.get(this.#local, key) ?? {};
    return mode === undefined ? undefined : { mode, endpoints };
  }

  /** Unclaimed keys. */
  unclaimed(): string[] {
    return announcements.keys(this.#local);
  }

  /** Moves an announcement to the id of the container, once that is made. */
  async claim(key: string, id: string, networks: DesiredNetworks): Promise<void> {
    await decideAndCommit(this.#local, () => ({
      transaction: together(
        putDesired(this.#local, { container: id, record: networks }),
        announcements.delete(key),
      ),
      result: undefined,
    }));
    this.#index(id);
  }

  /** Deletes announcements of containers that won't be made. */
  async withdraw(...announced: string[]): Promise<void> {
    const left = announced.filter((key) => announcements.get(this.#local, key));
    if (left.length > 0) await this.#local.commit(announcements.delete(...left));
  }
}

/**
 * The networks in the order in which a container is attached to them at its start: the one with the default route
 * comes first, and so gets `eth0`, as with Docker. Pure.
 */
export function inOrder(endpoints: DesiredEndpoint[]): DesiredEndpoint[] {
  return endpoints.toSorted((a, b) =>
    (b.gwPriority ?? 0) - (a.gwPriority ?? 0) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  );
}
