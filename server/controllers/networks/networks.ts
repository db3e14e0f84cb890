/**
 * Assembles what is done with networks, each action in a file of its own.
 *
 * @module
 */
import type {
  CreateNetwork,
  ListedNetwork,
  NetworkDetail,
  Removed,
} from "../../../lib/api/types.ts";
import type { Ipams } from "../../drivers/ipam/ipams.ts";
import type { DockerNetworkFacts, NetworkRecord } from "../../model/records.ts";
import type { Context } from "../context.ts";
import type { Services } from "../services/services.ts";
import { CreateNetworks } from "./create.ts";
import { GatewayNetwork } from "./gateway.ts";
import { type DefaultNetwork, PredefinedNetworks } from "./predefined.ts";
import { RemoveNetworks, type RemoveOptions } from "./remove.ts";
import { ForcedRemovals } from "./remove_by_force.ts";
import { ShowNetworks } from "./show.ts";

/** All actions on networks. */
export class Networks {
  readonly #show: ShowNetworks;
  readonly #creation: CreateNetworks;
  readonly #removal: RemoveNetworks;
  readonly #forced: ForcedRemovals;
  readonly #predefined: PredefinedNetworks;
  readonly #gateway: GatewayNetwork;

  constructor(context: Context, services: Services, ipams: Ipams) {
    this.#show = new ShowNetworks(context, services);
    this.#removal = new RemoveNetworks(context, services, ipams);
    this.#forced = new ForcedRemovals(context, services, this.#removal);
    this.#creation = new CreateNetworks(context, ipams, this.#removal);
    this.#predefined = new PredefinedNetworks(context, this.#creation);
    this.#gateway = new GatewayNetwork(context, this.#creation);
  }

  /** Callbacks that name other users of a network on this host, in words. */
  get users(): ((network: NetworkRecord) => string | undefined)[] {
    return this.#removal.users;
  }

  list(): NetworkRecord[] {
    return this.#show.list();
  }

  listed(): Promise<ListedNetwork[]> {
    return this.#show.listed();
  }

  find(reference: string): Promise<NetworkRecord> {
    return this.#show.find(reference);
  }

  info(reference: string): Promise<NetworkDetail> {
    return this.#show.info(reference);
  }

  missing(network: NetworkRecord): string[] {
    return this.#show.missing(network);
  }

  create(request: CreateNetwork, docker?: DockerNetworkFacts): Promise<NetworkRecord> {
    return this.#creation.create(request, docker);
  }

  remove(reference: string, options?: RemoveOptions): Promise<Removed> {
    return this.#removal.removeNamed(reference, this.#forced, options);
  }

  /** The network that carries uplinks. */
  ensureGateway(): Promise<NetworkRecord> {
    return this.#gateway.ensure();
  }

  ensurePredefined(defaults: DefaultNetwork): Promise<void> {
    return this.#predefined.ensure(defaults);
  }

  ensureDefault(defaults: DefaultNetwork): Promise<void> {
    return this.#predefined.ensureDefault(defaults);
  }
}
