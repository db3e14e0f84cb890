/**
 * Maps Docker's networks to netsvc's.
 *
 * @module
 */
import { log } from "../../context.ts";
import type { Context } from "../../context.ts";
import type { Networks } from "../../networks/networks.ts";
import { findNetwork } from "../../lookup.ts";
import type { NetworkRecord } from "../../../model/records.ts";
import { errorChain, NetsvcError } from "../../../../lib/api/errors.ts";
import { dnsName, shortId } from "../../../../lib/api/names.ts";
import type { Bindings, NetworkBinding } from "../../../model/repository/docker.ts";
import type { Docker } from "../../../engines/docker/docker.ts";

/** What {@linkcode DockerNetworks} works with. */
export interface DockerNetworksOptions {
  context: Context;
  networks: Networks;
  bindings: Bindings;
  docker: Docker;
}

/** Docker's networks, and netsvc's behind them. */
export class DockerNetworks {
  readonly #options: DockerNetworksOptions;

  constructor(options: DockerNetworksOptions) {
    this.#options = options;
  }

  /** A network by reference that can have services. @throws {NetsvcError} `not_found`, `invalid` */
  named(reference: string): NetworkRecord {
    const { context } = this.#options;
    const { record } = findNetwork(context.state, reference);
    if (context.drivers.get(record.driver)?.capabilities.addresses) return record;
    throw new NetsvcError(
      "invalid",
      `netsvc's network "${record.name}" has no services; name another with -o netsvc.network=NAME`,
    );
  }

  /**
   * netsvc's network behind one of Docker's: the one that its options name; else the one with the same name, which is
   * created where it is missing.
   *
   * @throws {NetsvcError} `not_found`, `invalid`, `unavailable`
   */
  async of(dockerNetwork: string): Promise<NetworkRecord> {
    const { context, bindings, docker } = this.#options;
    const binding = bindings.network(dockerNetwork);
    if (binding?.network !== undefined) return this.#bound(binding.network);
    const name = (await docker.network(dockerNetwork))?.name;
    if (name === undefined) {
      throw new NetsvcError("not_found", `No such network of Docker's: ${shortId(dockerNetwork)}`);
    }
    return await context.locks.dockerNetwork(dockerNetwork, async () => {
      const current = bindings.network(dockerNetwork) ??
        { id: dockerNetwork, subnets: [], internal: false };
      if (current.network !== undefined) return this.#bound(current.network);
      const found = context.state.networkByName(dnsName(name))?.record ??
        await this.#make(dnsName(name), current);
      const made = found.labels["docker.network"] === dockerNetwork;
      await bindings.putNetwork({
        ...current,
        network: { id: found.id, name: found.name },
        ...made && { made: found.id },
      });
      return this.named(found.id);
    });
  }

  /** netsvc's network that Docker's is bound to, or a later one under the same name. */
  #bound({ id, name }: { id: string; name: string }): NetworkRecord {
    return this.named(this.#options.context.state.networks.has(id) ? id : name);
  }

  /** What of Docker's uses a network, in words. */
  user(network: NetworkRecord): string | undefined {
    const binding = this.#options.bindings.networks()
      .find((one) => one.network?.id === network.id && one.made !== network.id);
    return binding && `it is the network ${shortId(binding.id)} of this host's Docker`;
  }

  async #make(name: string, { id, subnets, internal }: NetworkBinding): Promise<NetworkRecord> {
    const request = { name, internal, labels: { "docker.network": id } };
    const network = await this.#options.networks.create({ ...request, subnets })
      .catch(() => this.#options.networks.create(request)); // Another network may have its subnet.
    log.info('Made network "{name}" for that of Docker\'s of this name', { name });
    return network;
  }

  /** Forgets one of Docker's networks; netsvc's that was made for it is removed, unless others use it. */
  async forget(dockerNetwork: string): Promise<void> {
    const { bindings, context, networks } = this.#options;
    const binding = bindings.network(dockerNetwork);
    if (!binding) return;
    if (binding.made !== undefined && context.state.networks.has(binding.made)) {
      await networks.remove(binding.made).catch((error) =>
        log.info("The network made for Docker stays: {cause}", {
          cause: errorChain(error).join(": "),
        })
      );
    }
    await bindings.deleteNetwork(dockerNetwork);
  }
}
