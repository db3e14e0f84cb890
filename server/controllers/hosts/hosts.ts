/**
 * The hosts of the cluster: list, show, forget.
 *
 * @module
 */
import type { Store } from "../../../kv/store.ts";
import { keys } from "../../model/keys.ts";
import type { HostRecord, ServiceRecord } from "../../model/records.ts";
import { isAway, NetsvcError } from "../../../lib/api/errors.ts";
import type { Host, HostDetail, Removed } from "../../../lib/api/types.ts";
import { type Context, tryAgain } from "../context.ts";
import { findNamed } from "../lookup.ts";
import { nameList } from "../labels.ts";

/** Backends taken from a host that is gone in one transaction. */
const BATCH = 16;

/** A host, and whether it holds its lease. */
export interface Known {
  record: HostRecord;
  alive: boolean;
}

/** Controller of hosts. */
export class Hosts {
  readonly #context: Context;
  readonly #self: () => HostRecord;
  /** What was read last: shown while the store is away. */
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
    return all.map((known) => this.#show(known)).sort((a, b) => a.name < b.name ? -1 : 1);
  }

  /** All hosts as their records say; those seen last while the store is away. */
  async known(): Promise<Known[]> {
    try {
      const [hosts, leases] = await Promise.all([
        this.#store.list(keys.hosts),
        this.#store.list(keys.hostLeases),
      ]);
      const alive = new Set(leases.map(({ key }) => key));
      this.#last = hosts.map(({ value }) => {
        const record = JSON.parse(value) as HostRecord;
        return { record, alive: alive.has(keys.hostLease(record.id)) };
      });
    } catch (error) {
      if (!isAway(error)) throw error;
    }
    const self = this.#self();
    // This one lives, whether the store knows or not; unless it can't be registered, and is dead to others.
    const alive = this.#context.cluster.membership.failure === undefined;
    return [...this.#last.filter(({ record }) => record.id !== self.id), { record: self, alive }];
  }

  #show({ record, alive }: Known): Host {
    const { id, name, address, version, started } = record;
    return {
      id,
      name,
      ...address !== undefined && { address },
      status: alive ? "up" : "down",
      self: id === this.#context.hostId,
      version,
      started,
    };
  }

  /** A host with the services that it backs. */
  async info(reference: string): Promise<HostDetail> {
    const known = await this.#find(reference);
    const backends = await this.#backends(known.record.id);
    return {
      ...this.#show(known),
      overlayPort: known.record.overlayPort,
      services: backends.map(({ network, name }) => ({
        name,
        network: this.#context.state.networks.get(network)?.record.name ?? network,
      })),
    };
  }

  /** @throws {NetsvcError} `not_found`, `ambiguous`; `unavailable`: what is known may be old */
  async #find(reference: string): Promise<Known> {
    await this.#store.get(keys.host(this.#context.hostId));
    const all = await this.known();
    const found = findNamed("host", reference, all.map(({ record }) => record));
    if (found) return all.find(({ record }) => record.id === found.id)!;
    throw new NetsvcError(
      "not_found",
      `No such host: ${JSON.stringify(reference)}; "netsvc host ls" lists them`,
    );
  }

  async #backends(host: string): Promise<{ network: string; service: string; name: string }[]> {
    const entries = await this.#store.list(keys.backendsOf(host));
    return entries.map(({ key, value }) => {
      const [, , network, service] = key.split("/") as [string, string, string, string];
      return { network, service, name: JSON.parse(value) as string };
    });
  }

  /** Forgets a host that is gone for good; its services lose the backend that they had there. */
  async remove(reference: string): Promise<Removed> {
    const { record, alive } = await this.#find(reference);
    if (alive) {
      throw new NetsvcError(
        "in_use",
        `Cannot remove host "${record.name}": it is alive; stop its daemon first and wait for its ` +
          `lease to end`,
      );
    }
    const backends = await this.#backends(record.id);
    for (let i = 0; i < backends.length; i += BATCH) {
      await Promise.all(
        backends.slice(i, i + BATCH).map(({ network, service }) =>
          this.#takeBackend(record, network, service)
        ),
      );
    }
    await tryAgain(async () => {
      const nameKey = keys.hostName(record.name);
      const name = await this.#store.get(nameKey);
      const ownsName = name !== undefined && JSON.parse(name.value) === record.id;
      const outcome = await this.#context.state.shared.commit({
        checks: [
          { key: keys.hostLease(record.id), revision: null },
          ...ownsName ? [{ key: nameKey, revision: name.revision }] : [],
        ],
        deletes: [keys.host(record.id), ...ownsName ? [nameKey] : []],
      });
      if (outcome.ok) return { done: undefined };
      if (outcome.failed !== keys.hostLease(record.id)) return { conflict: outcome.failed };
      throw new NetsvcError("in_use", `Cannot remove host "${record.name}": it has come back`);
    });
    const cut = backends.length === 0
      ? []
      : [`the backend of ${nameList("service", backends.map(({ name }) => name))}`];
    return { name: record.name, cut };
  }

  async #takeBackend(host: HostRecord, network: string, id: string): Promise<void> {
    const { shared } = this.#context.state;
    const key = keys.service(network, id);
    await tryAgain(async () => {
      const entry = await this.#store.get(key);
      const service = entry && JSON.parse(entry.value) as ServiceRecord;
      const { backend, ...rest } = service ?? {};
      const outcome = await shared.commit({
        checks: [
          { key, revision: entry?.revision ?? null },
          { key: keys.hostLease(host.id), revision: null },
        ],
        puts: backend?.hostId === host.id ? [{ key, value: JSON.stringify(rest) }] : [],
        deletes: [keys.backend(host.id, network, id)],
      });
      return outcome.ok ? { done: undefined } : { conflict: outcome.failed };
    });
  }
}
