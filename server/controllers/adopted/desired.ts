/**
 * What containers of engines are to be joined to whenever they run, in this host's own store. Nobody else
 * has a say: the label of a container may be its image's.
 *
 * What is desired of a container of Docker's is noted before the engine makes it, under a key that nobody
 * can guess, which the container's label has; and under the container's id as soon as that is known. So a
 * crash between the two loses nothing, and each key is good for one container: what copies a label copies
 * nothing.
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

/** What a client of Docker's wants of a container: where its own services are to be. */
export interface DesiredNetworks {
  /** The network mode that was asked for. */
  mode: string;
  endpoints: DesiredEndpoint[];
}

/** A service that a container is to back, there without it. */
export interface Followed {
  service: string;
  /** Id and name of its network. */
  network: string;
  name: string;
  /** Other services under the container's own words. */
  links: LinkAlias[];
}

/** The records. This daemon alone writes here. */
export class Desired {
  readonly #local: Mirror;
  /** Containers that asked for addresses. */
  readonly #fixed = new Map<string, DesiredEndpoint[]>();

  constructor(local: Mirror) {
    this.#local = local;
    for (const id of this.ids()) this.#index(id);
  }

  /** What a client of Docker's wants of a container, when anything is. */
  networks(id: string): DesiredNetworks | undefined {
    const desired = desiredOf(this.#local, id);
    if (desired?.mode === undefined) return undefined;
    return {
      mode: desired.mode,
      endpoints: desired.endpoints.filter((endpoint) => !isFollowed(endpoint)),
    };
  }

  /** The services, there without it, that a container is to back again. */
  followed(id: string): DesiredEndpoint[] {
    return desiredOf(this.#local, id)?.endpoints.filter(isFollowed) ?? [];
  }

  /** Ids of all containers of which something is desired. */
  ids(): string[] {
    return desiredContainers(this.#local);
  }

  /** Addresses that containers asked for on a network, whether they run or not. */
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

  /** Writes what a client of Docker's wants of a container; what it follows besides stays. */
  async save(id: string, { mode, endpoints }: DesiredNetworks): Promise<void> {
    await this.#change(id, () => ({ mode, endpoints: [...endpoints, ...this.followed(id)] }));
  }

  /** Forgets all that is desired of a container. */
  async forget(id: string): Promise<void> {
    if (desiredOf(this.#local, id)) await this.#change(id, () => undefined);
  }

  /** Notes that a container backs a service again whenever it is started. */
  async follow(id: string, { service, network, name, links }: Followed): Promise<void> {
    await this.#change(id, (desired = { endpoints: [] }) => {
      const others = desired.endpoints.filter((endpoint) => endpoint.service !== service);
      const endpoint = { network, name, service, aliases: [], links, ips: [] };
      return { ...desired, endpoints: [...others, endpoint] };
    });
  }

  /** Notes that it no longer does. */
  async unfollow(id: string, service: string): Promise<void> {
    if (!this.followed(id).some((endpoint) => endpoint.service === service)) return;
    await this.#change(id, (desired = { endpoints: [] }) => ({
      ...desired,
      endpoints: desired.endpoints.filter((endpoint) => endpoint.service !== service),
    }));
  }

  /** Decides anew where another front door was faster: each holds a lock of its own. */
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

  /** Notes what is wanted of a container that is about to be made; gives the key for its label. */
  async announce(networks: DesiredNetworks): Promise<string> {
    const key = crypto.getRandomValues(new Uint8Array(16)).toHex();
    await this.#local.commit(announcements.put(key, networks));
    return key;
  }

  /** What was announced under a key that hasn't been claimed. */
  announced(key: string): DesiredNetworks | undefined {
    const { mode, endpoints = [] } = announcements.get(this.#local, key) ?? {};
    return mode === undefined ? undefined : { mode, endpoints };
  }

  /** Keys that haven't been claimed. */
  unclaimed(): string[] {
    return announcements.keys(this.#local);
  }

  /** The container that was announced is made. */
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

  /** There will be no such containers. */
  async withdraw(...announced: string[]): Promise<void> {
    const left = announced.filter((key) => announcements.get(this.#local, key));
    if (left.length > 0) await this.#local.commit(announcements.delete(...left));
  }
}

/**
 * The networks in the order in which a container is attached to them at its start: who leads out comes
 * first, and so has `eth0`, as with Docker. Pure.
 */
export function inOrder(endpoints: DesiredEndpoint[]): DesiredEndpoint[] {
  return endpoints.toSorted((a, b) =>
    (b.gwPriority ?? 0) - (a.gwPriority ?? 0) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  );
}
