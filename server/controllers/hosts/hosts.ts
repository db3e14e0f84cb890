/**
 * The hosts of the cluster: list, show, forget.
 *
 * @module
 */
import type { Store } from "../../../kv/store.ts";
import {
  type Backed,
  backedRecords,
  hostRecords,
  memberRecords,
} from "../../model/repository/hosts.ts";
import { tunnelRecords } from "../../model/shared/tunnels.ts";
import { serviceRecords } from "../../model/repository/services.ts";
import { together } from "../../model/transaction.ts";
import type { HostRecord, ServiceRecord } from "../../model/records.ts";
import { isAway, NetsvcError } from "../../../lib/api/errors.ts";
import type { Host, HostDetail, Removed } from "../../../lib/api/types.ts";
import { type Context, tryAgain } from "../context.ts";
import { findNamed } from "../lookup.ts";
import { nameList } from "../labels.ts";

/** Backends of a gone host that one transaction removes. */
const BATCH = 16;

/** A host, and whether it holds its lease. */
export interface Known {
  record: HostRecord;
  alive: boolean;
}

/** How {@linkcode Hosts.remove} does it. */
export interface RemoveOptions {
  /** Also a host that is alive. */
  force?: boolean;
  /** Takes a host's rights away; absent where hosts share the store's login. */
  putOut?: (id: string) => Promise<void>;
}

/** Lists, shows and forgets hosts. */
export class Hosts {
  readonly #context: Context;
  readonly #self: () => HostRecord;
  /** The last list: shown while the store is away. */
  #last: Known[] = [];

  /** @param self this host's record */
  constructor(context: Context, self: () => HostRecord) {
    this.#context = context;
    this.#self = self;
  }

  get #store(): Store {
    return this.#context.state.shared.store;
  }

  async list(): Promise<Host[]> {
    const all = await this.known();
    const seen = await this.#handshakes();
    return all.map((known) => this.#show(known, seen)).sort((a, b) => a.name < b.name ? -1 : 1);
  }

  /** All hosts by their records; those of the last list while the store is away. */
  async known(): Promise<Known[]> {
    try {
      const [hosts, alive] = await Promise.all([
        hostRecords.list(this.#store),
        hostRecords.alive(this.#store),
      ]);
      this.#last = hosts.map((record) => ({ record, alive: alive.has(record.id) }));
    } catch (error) {
      if (!isAway(error)) throw error;
    }
    const self = this.#self();
    // This host lives, whatever the store says; unless it can't register, and is dead to other hosts.
    const alive = this.#context.cluster.membership.failure === undefined;
    return [...this.#last.filter(({ record }) => record.id !== self.id), { record: self, alive }];
  }

  /** When this host last had a handshake with others, by id, in seconds since the epoch. */
  async #handshakes(): Promise<Map<string, number>> {
    const peers = await this.#context.cluster.encryption?.peers().catch(() => []) ?? [];
    return new Map(peers.map(({ host, handshake }) => [host, handshake]));
  }

  #show({ record, alive }: Known, seen: Map<string, number>): Host {
    const { id, name, address, version, started } = record;
    const tunnel = this.#context.cluster.encryption?.keyOf(id);
    const handshake = seen.get(id) ?? 0;
    return {
      id,
      name,
      ...address !== undefined && { address },
      status: alive ? "up" : "down",
      self: id === this.#context.hostId,
      version,
      started,
      ...tunnel && {
        encryption: {
          key: tunnel.key,
          made: tunnel.made,
          ...handshake > 0 && { handshake: new Date(handshake * 1000).toISOString() },
        },
      },
    };
  }

  /** A host with the services that it backs. */
  async info(reference: string): Promise<HostDetail> {
    const known = await this.#find(reference);
    const backends = await backedRecords.of(this.#store, known.record.id);
    return {
      ...this.#show(known, await this.#handshakes()),
      overlayPort: known.record.overlayPort,
      services: backends.map(({ network, name }) => ({
        name,
        network: this.#context.state.networks.get(network)?.record.name ?? network,
      })),
    };
  }

  /** @throws {NetsvcError} `not_found`, `ambiguous`; `unavailable` when the list may be outdated */
  async #find(reference: string): Promise<Known> {
    await hostRecords.get(this.#store, this.#context.hostId);
    const all = await this.known();
    const found = findNamed(reference, { what: "host", all: all.map(({ record }) => record) });
    if (found) return all.find(({ record }) => record.id === found.id)!;
    throw new NetsvcError(
      "not_found",
      `No such host: ${JSON.stringify(reference)}; "netsvc host ls" lists them`,
    );
  }

  /**
   * Forgets a host that is gone for good; its services lose the backends that they had there.
   *
   * @param putOut takes the host's rights away first; with `force` a living one's, too
   */
  async remove(reference: string, { force = false, putOut }: RemoveOptions = {}): Promise<Removed> {
    const { record, alive } = await this.#find(reference);
    // It says how a host goes by itself.
    if (putOut && record.id === this.#context.hostId) await putOut(record.id);
    if (alive && !(force && putOut)) {
      throw new NetsvcError(
        "in_use",
        `Cannot remove host "${record.name}": it is alive; stop its daemon first and wait for its ` +
          `lease to end${putOut ? ", or put it out with -f" : ""}`,
      );
    }
    await putOut?.(record.id);
    return await this.#forget(record, alive);
  }

  /** Forgets this host itself, which is about to leave. */
  async forgetSelf(): Promise<void> {
    await this.#forget(this.#self(), true);
  }

  async #forget(record: HostRecord, alive: boolean): Promise<Removed> {
    if (alive) await this.#end(record.id);
    const backends = await backedRecords.of(this.#store, record.id);
    for (let i = 0; i < backends.length; i += BATCH) {
      await Promise.all(
        backends.slice(i, i + BATCH).map((backed) => this.#takeBackend(record, backed)),
      );
    }
    await tryAgain(async () => {
      const owner = await hostRecords.ownerOf(this.#store, record.name);
      const outcome = await this.#context.state.shared.commit(together(
        hostRecords.gone(record.id),
        hostRecords.remove(record.id),
        tunnelRecords.remove(record.id),
        owner.id === record.id ? hostRecords.removeName(record.name, owner) : {},
      ));
      if (outcome.ok) return { done: undefined };
      if (!hostRecords.isLease(outcome.failed, record.id)) return { conflict: outcome.failed };
      throw new NetsvcError("in_use", `Cannot remove host "${record.name}": it has come back`);
    });
    const cut = backends.length === 0
      ? []
      : [`the backend of ${nameList("service", backends.map(({ name }) => name))}`];
    return { name: record.name, cut };
  }

  /** Others take a host for dead from now on: it has no rights to hold its lease with any more. */
  async #end(id: string): Promise<void> {
    const { shared } = this.#context.state;
    await shared.commit(hostRecords.end(id));
    const all = [...(await memberRecords.all(this.#store)).keys()].map((key) => key.split("/"));
    const networks = all.flatMap(([network, host]) => host === id ? network! : []);
    for (let i = 0; i < networks.length; i += BATCH) {
      await shared.commit(memberRecords.end(networks.slice(i, i + BATCH), id));
    }
  }

  async #takeBackend(host: HostRecord, { network, endpoint }: Backed): Promise<void> {
    const { shared } = this.#context.state;
    await tryAgain(async () => {
      const stored = await serviceRecords.get(this.#store, network, endpoint);
      const { backend, ...rest } = stored?.record ?? {};
      const taken = stored && backend?.hostId === host.id
        ? stored.record.of === undefined
          ? serviceRecords.replace(stored, rest as ServiceRecord, { scope: "global" })
          : serviceRecords.remove(stored, { scope: "global" })
        : together(
          stored ? serviceRecords.unchanged(stored) : serviceRecords.absent(network, endpoint),
          backedRecords.remove(host.id, network, endpoint),
        );
      const outcome = await shared.commit(together(taken, hostRecords.gone(host.id)));
      return outcome.ok ? { done: undefined } : { conflict: outcome.failed };
    });
  }
}
