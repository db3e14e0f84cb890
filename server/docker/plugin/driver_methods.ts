/**
 * The plugin's methods as a network driver of Docker.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { bareAddress } from "../../../lib/ip/text.ts";
import type { DockerEndpoints } from "../../controllers/docker/plugin/endpoints.ts";
import type { DockerNetworks } from "../../controllers/docker/plugin/networks.ts";
import type { Plugs } from "../../controllers/docker/plugin/plugs.ts";
import type { Locks } from "../../controllers/locks.ts";
import type { NetworkRecord } from "../../model/records.ts";
import type { Bindings, EndpointBinding, PoolRecord } from "../../model/repository/docker.ts";
import { checkOptions, GENERIC, INTERNAL, randomMac } from "./options.ts";
import { ADDRESS_SPACE, checkSubnets, NETWORK_OPTION } from "./pools.ts";
import type { Methods, RequestOf } from "./protocol.ts";

/** Options of {@linkcode DriverMethods}. */
export interface DriverMethodsOptions {
  locks: Pick<Locks, "dockerEndpoint">;
  bindings: Bindings;
  networks: Pick<DockerNetworks, "named" | "of" | "forget">;
  endpoints: Pick<DockerEndpoints, "publish" | "withAddress" | "release" | "unplug">;
  plugs: Pick<Plugs, "join" | "stop">;
}

type Answer = Promise<Record<string, unknown>>;

const nothing = () => Promise.resolve({});

export class DriverMethods {
  readonly #options: DriverMethodsOptions;

  constructor(options: DriverMethodsOptions) {
    this.#options = options;
  }

  /** The methods by name. */
  methods(): Omit<Methods, Extract<keyof Methods, `IpamDriver.${string}`>> {
    return {
      "Plugin.Activate": () => Promise.resolve({ Implements: ["NetworkDriver", "IpamDriver"] }),
      // Docker on each host has its own id for the same network of netsvc's.
      "NetworkDriver.GetCapabilities": () =>
        Promise.resolve({ Scope: "local", ConnectivityScope: "global" }),
      "NetworkDriver.AllocateNetwork": nothing,
      "NetworkDriver.FreeNetwork": nothing,
      "NetworkDriver.CreateNetwork": (request) => this.#createNetwork(request),
      "NetworkDriver.DeleteNetwork": async ({ NetworkID }) => {
        await this.#options.networks.forget(NetworkID);
        return {};
      },
      "NetworkDriver.CreateEndpoint": (request) => this.#createEndpoint(request),
      "NetworkDriver.EndpointOperInfo": () => Promise.resolve({ Value: {} }),
      "NetworkDriver.DeleteEndpoint": (request) => this.#deleteEndpoint(request),
      "NetworkDriver.Join": (request) => this.#join(request),
      "NetworkDriver.Leave": (request) => this.#leave(request),
      "NetworkDriver.ProgramExternalConnectivity": nothing,
      "NetworkDriver.RevokeExternalConnectivity": nothing,
      "NetworkDriver.DiscoverNew": nothing,
      "NetworkDriver.DiscoverDelete": nothing,
    };
  }

  async #createNetwork(request: RequestOf<"NetworkDriver.CreateNetwork">): Answer {
    const { bindings, networks } = this.#options;
    const { NetworkID: id, Options } = request;
    const generic = Object(Options[GENERIC]) as Record<string, unknown>;
    checkOptions(generic);
    const given = NETWORK_OPTION in generic ? String(generic[NETWORK_OPTION]) : undefined;
    const all = [...request.IPv4Data, ...request.IPv6Data];
    const pools = all.flatMap(({ Pool, Gateway }) =>
      bindings.pools().filter((pool) => pool.pool === Pool && pool.gateway === Gateway)
    );
    const reference = given ?? pools.find(({ network }) => network !== undefined)?.network;
    const foreign = all.filter(({ AddressSpace }) => AddressSpace !== ADDRESS_SPACE)
      .map(({ Pool }) => Pool);
    const own = reference === undefined ? undefined : networks.named(reference);
    if (own && foreign.length === 0) checkSubnets(own, all.map(({ Pool }) => Pool));
    if (own) this.#checkPools(own, reference!, pools);
    await bindings.putNetwork({
      ...bindings.network(id),
      id,
      ...own && { network: { id: own.id, name: own.name } },
      subnets: foreign,
      internal: Options[INTERNAL] === true,
    });
    for (const pool of pools) await bindings.putPool({ ...pool, dockerNetwork: id });
    return {};
  }

  /** Refuses pools that name another network. @throws {NetsvcError} `invalid` */
  #checkPools(network: NetworkRecord, reference: string, pools: PoolRecord[]): void {
    const { networks } = this.#options;
    const other = pools.find((pool) =>
      pool.network !== undefined && networks.named(pool.network).id !== network.id
    );
    if (!other) return;
    throw new NetsvcError(
      "invalid",
      `--ipam-opt ${NETWORK_OPTION}=${other.network} and -o ${NETWORK_OPTION}=${reference} ` +
        `are two networks; name one`,
    );
  }

  async #createEndpoint(request: RequestOf<"NetworkDriver.CreateEndpoint">): Answer {
    const { bindings, endpoints, locks, networks } = this.#options;
    const { NetworkID, EndpointID, Interface } = request;
    const network = await networks.of(NetworkID);
    const mac = Interface.MacAddress.toLowerCase();
    const known = bindings.endpointById(EndpointID) ??
      (mac === "" ? undefined : bindings.endpoint(network.id, mac)) ??
      endpoints.withAddress(network.id, bareAddress(Interface.Address));
    // Keep addresses of another IPAM driver if the network can assign them, as tried first below.
    const wanted = [Interface.Address, Interface.AddressIPv6].filter((address) => address !== "")
      .map(bareAddress);
    const own = known?.mac ?? (mac || randomMac());
    const service = await endpoints.publish(network, own, known ? [] : wanted)
      .catch((error) => {
        if (known || wanted.length === 0) throw error;
        return endpoints.publish(network, own, []);
      });
    await locks.dockerEndpoint({ network: network.id, mac: own }, async () => {
      const binding = bindings.endpoint(network.id, own)!;
      await bindings.putEndpoint({ ...binding, dockerNetwork: NetworkID, endpoint: EndpointID });
    });
    // An answer may only set fields that were empty in the request.
    return { Interface: mac === "" ? { MacAddress: service.mac } : {} };
  }

  /** Also releases an address that netsvc assigned; Docker's later release then finds it gone. */
  #deleteEndpoint({ EndpointID }: RequestOf<"NetworkDriver.DeleteEndpoint">): Answer {
    return this.#withEndpoint(EndpointID, (binding) => this.#options.endpoints.release(binding));
  }

  async #join({ EndpointID, SandboxKey }: RequestOf<"NetworkDriver.Join">): Answer {
    const { bindings, locks, networks, plugs } = this.#options;
    const found = bindings.endpointById(EndpointID);
    if (!found) throw new NetsvcError("not_found", `No such endpoint: ${EndpointID}`);
    const binding = { ...found, sandbox: SandboxKey };
    await locks.dockerEndpoint(found, () => bindings.putEndpoint(binding));
    await plugs.join(binding);
    const network = await networks.of(found.dockerNetwork!);
    // No interface for Docker to move; on an internal network also no gateway endpoint of Docker's.
    return network.internal ? { DisableGatewayService: true } : {};
  }

  #leave({ EndpointID }: RequestOf<"NetworkDriver.Leave">): Answer {
    const { bindings, endpoints } = this.#options;
    return this.#withEndpoint(EndpointID, async ({ sandbox: _, ...binding }) => {
      await bindings.putEndpoint(binding);
      await endpoints.unplug(binding);
    });
  }

  /** Runs `action` on an endpoint that Docker removes; an unknown endpoint has been removed already. */
  async #withEndpoint(
    id: string,
    action: (binding: EndpointBinding) => Promise<void>,
  ): Promise<Record<string, never>> {
    const { bindings, locks, plugs } = this.#options;
    const found = bindings.endpointById(id);
    if (!found) return {};
    await plugs.stop(found);
    await locks.dockerEndpoint(found, async () => {
      const binding = bindings.endpoint(found.network, found.mac);
      if (binding) await action(binding);
    });
    return {};
  }
}
