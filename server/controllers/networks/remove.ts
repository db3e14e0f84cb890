/**
 * Removes networks, from the store and from the kernel.
 *
 * @module
 */
import type { Store } from "../../../kv/store.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { Removed } from "../../../lib/api/types.ts";
import { networkSpec } from "../../drivers/network_spec.ts";
import type { Ipams } from "../../drivers/ipam/ipams.ts";
import type { Mirror } from "../../model/mirror.ts";
import type { NetworkRecord } from "../../model/records.ts";
import { networkRecords } from "../../model/repository/networks.ts";
import { networkMembers, removeRemains } from "../../model/repository/remains.ts";
import { serviceRecords } from "../../model/repository/services.ts";
import { tryAgain } from "../../model/transaction.ts";
import { confirmed } from "../confirmed.ts";
import type { Context } from "../context.ts";
import { nameList } from "../labels.ts";
import { findNetwork } from "../lookup.ts";
import type { Progress } from "../services/service_ends.ts";
import type { Services } from "../services/services.ts";

/** Ends a service by force. */
export type Unpublish = (service: string) => Promise<Removed>;

/** Removes a network with all its services. */
export interface ForcedRemoval {
  remove(record: NetworkRecord, unpublish: Unpublish, progress?: Progress): Promise<Removed>;
}

/** How a network is removed. */
export interface RemoveOptions {
  /** Ends a service by force; without it, services prevent the removal. */
  unpublish?: Unpublish | undefined;
  /** Called, again and again, with the number of services that have ended. */
  progress?: Progress | undefined;
}

export class RemoveNetworks {
  /** Callbacks that name other users of a network on this host, in words. */
  readonly users: ((network: NetworkRecord) => string | undefined)[] = [];
  readonly #context: Pick<Context, "state" | "cluster" | "drivers" | "defaultNetwork">;
  readonly #services: Pick<Services, "ensure">;
  readonly #ipams: Ipams;

  constructor(
    context: Pick<Context, "state" | "cluster" | "drivers" | "defaultNetwork">,
    services: Pick<Services, "ensure">,
    ipams: Ipams,
  ) {
    this.#context = context;
    this.#services = services;
    this.#ipams = ipams;
  }

  /** Removes a network that a user names. */
  removeNamed(
    reference: string,
    forced: ForcedRemoval,
    options: RemoveOptions = {},
  ): Promise<Removed> {
    return confirmed(
      { context: this.#context, networks: [reference] },
      () => this.#removeNamed(reference, forced, options),
    );
  }

  async #removeNamed(
    reference: string,
    forced: ForcedRemoval,
    { unpublish, progress }: RemoveOptions,
  ): Promise<Removed> {
    const { record } = findNetwork(this.#context.state, reference);
    this.#checkRemovable(record);
    const user = unpublish ? undefined : this.users.map((use) => use(record)).find(Boolean);
    if (user !== undefined) {
      throw new NetsvcError(
        "in_use",
        `Cannot remove network "${record.name}": ${user}; remove that first or use -f`,
      );
    }
    await this.#services.ensure(record.id);
    if (unpublish) return await forced.remove(record, unpublish, progress);
    await this.remove(record);
    return { name: record.name, cut: [] };
  }

  #checkRemovable({ name, predefined }: NetworkRecord): void {
    const why = predefined
      ? "it is predefined"
      : name.toLowerCase() === this.#context.defaultNetwork.toLowerCase()
      ? "it is the default network of this daemon"
      : undefined;
    if (why === undefined) return;
    throw new NetsvcError("forbidden", `Cannot remove network "${name}": ${why}`);
  }

  /** Removes a network without services. @throws {NetsvcError} `in_use` */
  remove(record: NetworkRecord): Promise<void> {
    const driver = this.#context.drivers.get(record.driver);
    return this.#ipams.releasingPools(record, () =>
      driver.removeNetwork(networkSpec(record), {
        check: () => this.#checkEmpty(record, this.#context.state.mirrorOf(record).store),
        commit: () => this.commit(record),
      }));
  }

  /** @throws {NetsvcError} `in_use` naming the services of a network, if it has any */
  async #checkEmpty({ id, name }: NetworkRecord, reader: Reader): Promise<void> {
    const services = (await serviceRecords.list(reader, id))
      .filter(({ record }) => record.of === undefined);
    if (services.length === 0) return;
    const names = services.map(({ record }) => record)
      .sort((a, b) => a.created < b.created ? -1 : 1)
      .map((service) => service.name);
    throw new NetsvcError(
      "in_use",
      `Cannot remove network "${name}": it has ${nameList("service", names)}; unpublish ` +
        `${names.length === 1 ? "it" : "them"} first or use -f`,
    );
  }

  /**
   * Takes a network out of the store, behind the fence that every publish moves: what was seen of the network holds
   * when that is committed. Where the mirror follows all of the store it is looked at first, which saves as many
   * reads; the store itself is asked before anything is refused, and where the mirror was a moment behind.
   */
  async commit(network: NetworkRecord): Promise<void> {
    const mirror = this.#context.state.mirrorOf(network);
    const { store } = mirror;
    let copy = copyOf(mirror);
    await tryAgain(async () => {
      const seen = await (copy && this.#see(copy, network).catch(() => undefined)) ??
        await this.#see(store, network);
      copy = undefined;
      // First the remains that no service needs, however many; then, in one transaction, the network.
      for (const transaction of [...seen.remains, networkRecords.remove(seen.stored)]) {
        const outcome = await mirror.commit(transaction);
        if (!outcome.ok) return { conflict: outcome.failed };
      }
      return { done: undefined };
    });
  }

  /** A network without services, and what is left of it. @throws {NetsvcError} `not_found`, `in_use` */
  async #see(reader: Reader, network: NetworkRecord) {
    const { id, name } = network;
    // Before the services: a host that attaches after that writes its key anew.
    const members = await networkMembers(reader, id);
    const stored = await networkRecords.get(reader, id);
    if (!stored) throw new NetsvcError("not_found", `No such network: "${name}"; it was removed`);
    await this.#checkEmpty(network, reader);
    return { stored, remains: await removeRemains(reader, { stored, members }) };
  }
}

/** What entries are read from: a store, or the copy of one. */
type Reader = Pick<Store, "get" | "list">;

/** A mirror that follows all of its store, as what is read from. */
function copyOf(mirror: Mirror): Reader | undefined {
  if (!mirror.follows("")) return undefined;
  return {
    get: (key) => Promise.resolve(mirror.get(key)),
    list: (prefix) => Promise.resolve(mirror.list(prefix)),
  };
}
