/**
 * IPAM by plugins, for callers that create networks and publish services.
 *
 * @module
 */
import type { NetworkIpam, Pool } from "../../../lib/api/types.ts";
import type { NetworkRecord } from "../../model/records.ts";
import { PluginAddresses, type WantedAddresses } from "./addresses.ts";
import { IpamNeeds } from "./needs.ts";
import { IpamNotes } from "./notes.ts";
import { PluginPools, type PoolsRequest } from "./pools.ts";
import type { Given, IpamOptions } from "./plugins.ts";

/** All requests to plugins about addresses. */
export class Ipams extends IpamNotes {
  readonly #needs: IpamNeeds;
  readonly #pools: PluginPools;
  readonly #addresses: PluginAddresses;

  constructor(options: IpamOptions) {
    super(options.intents);
    this.#needs = new IpamNeeds(options);
    this.#pools = new PluginPools(options, this.#needs);
    this.#addresses = new PluginAddresses(options, this.#needs);
  }

  /** Asks a plugin for the pools of a network. */
  requestPools(
    plugin: string,
    wanted: PoolsRequest,
  ): Promise<Given<{ pools: Pool[]; ipam: NetworkIpam }>> {
    return this.#pools.request(plugin, wanted);
  }

  /** Asks for the addresses of a service. */
  requestAddresses(network: NetworkRecord, wanted: WantedAddresses): Promise<Given<string[]>> {
    return this.#addresses.request(network, wanted);
  }

  /** Requests everything again from plugins that keep no state, if they were restarted. */
  async refresh(plugin: string): Promise<void> {
    await this.#needs.of(plugin);
  }
}
