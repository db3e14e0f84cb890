/**
 * Networks as the API shows them.
 *
 * @module
 */
import type { ListedNetwork, NetworkDetail } from "../../../lib/api/types.ts";
import { pluginEndpoints } from "../../drivers/plugin_endpoints.ts";
import type { NetworkRecord } from "../../model/records.ts";
import { confirmed } from "../confirmed.ts";
import type { Context } from "../context.ts";
import { findNetwork } from "../lookup.ts";
import type { Services } from "../services/services.ts";

export class ShowNetworks {
  readonly #context: Pick<Context, "state" | "cluster" | "drivers">;
  readonly #services: Pick<Services, "counts" | "list">;

  constructor(
    context: Pick<Context, "state" | "cluster" | "drivers">,
    services: Pick<Services, "counts" | "list">,
  ) {
    this.#context = context;
    this.#services = services;
  }

  /** All networks, by creation. */
  list(): NetworkRecord[] {
    return [...this.#context.state.networks.values()].map(({ record }) => record)
      .sort((a, b) => a.created < b.created ? -1 : a.created > b.created ? 1 : 0);
  }

  /** All networks, with the number of their services. */
  async listed(): Promise<ListedNetwork[]> {
    const counts = await this.#services.counts();
    return this.list().map((network) => ({
      ...network,
      serviceCount: counts.get(network.id) ?? 0,
    }));
  }

  /** A network by reference. @throws {NetsvcError} `not_found`, `ambiguous`, `unavailable` */
  find(reference: string): Promise<NetworkRecord> {
    return confirmed(
      { context: this.#context, networks: [reference] },
      () => Promise.resolve().then(() => findNetwork(this.#context.state, reference).record),
    );
  }

  /** A network with its services, and what its plugin says of them. */
  async info(reference: string): Promise<NetworkDetail> {
    const record = await this.find(reference);
    const services = await this.#services.list(record.id);
    const endpoints = await pluginEndpoints(this.#context, record.id);
    return { ...record, services, ...endpoints && { endpoints } };
  }

  /** What only the user can do to make a network work on this host: a sentence each. */
  missing({ driver }: NetworkRecord): string[] {
    return [...this.#context.drivers.get(driver).missing];
  }
}
