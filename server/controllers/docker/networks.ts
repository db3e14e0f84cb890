/**
 * Networks as Docker's clients remove them.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { backendsOf } from "../../../lib/api/backends.ts";
import { shortId } from "../../../lib/api/names.ts";
import type { NetworkRecord } from "../../model/records.ts";
import type { AdoptedReaper } from "../adopted/reap.ts";
import type { Context } from "../context.ts";
import type { Networks } from "../networks/networks.ts";
import type { Services } from "../services/services.ts";
import { dockerName } from "./names.ts";

/** What {@linkcode DockerNetworks} works with. */
export interface DockerNetworksOptions {
  context: Pick<Context, "state" | "defaultNetwork">;
  networks: Pick<Networks, "list" | "remove">;
  services: Pick<Services, "list" | "ensure">;
  reaper: Pick<AdoptedReaper, "reap">;
}

/** Removes networks for Docker's clients. */
export class DockerNetworks {
  readonly #options: DockerNetworksOptions;

  constructor(options: DockerNetworksOptions) {
    this.#options = options;
  }

  /** Ids of networks in use; for networks that aren't followed, by the store's own list. */
  async used(): Promise<Set<string>> {
    return new Set((await this.#options.services.list()).map(({ network }) => network.id));
  }

  /** Removes all matching networks that are unused, and returns their names. */
  async prune(fits: (network: NetworkRecord) => boolean): Promise<string[]> {
    const { context, networks } = this.#options;
    const used = await this.used();
    const unused = networks.list().filter((network) =>
      !network.predefined && network.name !== context.defaultNetwork && !used.has(network.id) &&
      fits(network)
    );
    const removed: string[] = [];
    for (const network of unused) {
      try {
        await networks.remove(network.id);
        removed.push(dockerName(network));
      } catch (error) {
        // It has come into use meanwhile, or is gone.
        const late = error instanceof NetsvcError && ["in_use", "not_found"].includes(error.code);
        if (!late) throw error;
      }
    }
    return removed;
  }

  /** Removes an unused network. @throws {NetsvcError} `in_use` */
  async remove(network: NetworkRecord): Promise<void> {
    await this.#settleEnded(network);
    try {
      await this.#options.networks.remove(network.id);
    } catch (error) {
      if (!(error instanceof NetsvcError) || error.code !== "in_use") throw error;
      throw await this.#hasActive(network, error);
    }
  }

  /** The refusal in Docker's words, where containers keep the network in use; else netsvc's own. */
  async #hasActive(network: NetworkRecord, cause: NetsvcError): Promise<NetsvcError> {
    const services = await this.#options.services.list(network.id);
    const active = services.flatMap((service) =>
      backendsOf(service).map(({ container, id }) =>
        `name:${JSON.stringify(container.name ?? service.name)} id:"${shortId(id)}"`
      )
    );
    if (active.length === 0) return cause;
    return new NetsvcError(
      "in_use",
      `error while removing network: network ${dockerName(network)} has active endpoints ` +
        `(${active.join(", ")})`,
      { cause },
    );
  }

  /** Reaps containers on the network whose end this daemon hasn't noticed yet. */
  async #settleEnded(network: NetworkRecord): Promise<void> {
    const { context, services, reaper } = this.#options;
    await services.ensure(network.id);
    for (const { backend } of context.state.ownBackends(network.id)) {
      if (backend!.runtime !== "netsvc") await reaper.reap(backend!.container);
    }
  }
}
