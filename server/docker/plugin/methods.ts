/**
 * What the plugin does when Docker calls.
 *
 * @module
 */
import type { NetworkRecord } from "../../model/records.ts";
import { parseCidr, parseIp } from "../../../lib/ip/cidr.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { now } from "../../controllers/context.ts";
import type { Locks } from "../../controllers/locks.ts";
import type { Bindings, EndpointBinding, PoolRecord } from "../../model/repository/docker.ts";
import type { DockerEndpoints } from "../../controllers/docker/plugin/endpoints.ts";
import type { DockerNetworks } from "../../controllers/docker/plugin/networks.ts";
import type { Plugs } from "../../controllers/docker/plugin/plugs.ts";
import {
  ADDRESS_SPACE,
  answerPool,
  checkSubnets,
  isNobodys,
  NETWORK_OPTION,
  nobodysGateway,
} from "./pools.ts";
import type { Methods, RequestOf } from "./protocol.ts";

const GENERIC = "com.docker.network.generic";
const INTERNAL = "com.docker.network.internal";
const GATEWAY = "com.docker.network.gateway";
const MAC = "com.docker.network.endpoint.macaddress";
/** Two requests for a pool of one network within this are one that Docker repeats, in ms. */
const AGAIN_MS = 10_000;

/** What {@linkcode pluginMethods} works with. */
export interface MethodsOptions {
  locks: Pick<Locks, "dockerEndpoint">;
  bindings: Bindings;
  networks: DockerNetworks;
  endpoints: DockerEndpoints;
  plugs: Plugs;
}

const nothing = () => Promise.resolve({});
const bare = (address: string) => address.split("/")[0]!;

/** Refuses what is meant for netsvc and mistyped: it would silently make another network. */
function checkOptions(options: Record<string, unknown>): void {
  const wrong = Object.keys(options).find((key) => /^netsvc/i.test(key) && key !== NETWORK_OPTION);
  if (wrong === undefined) return;
  throw new NetsvcError("invalid", `Unknown option "${wrong}"; netsvc knows ${NETWORK_OPTION}`);
}

/** A locally administered unicast MAC address. */
function randomMac(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(5));
  return ["02", ...bytes.toHex().match(/../g)!].join(":");
}

/** All methods. */
export function pluginMethods(options: MethodsOptions): Methods {
  return { ...driverMethods(options), ...ipamMethods(options) };
}

type IpamMethod = Extract<keyof Methods, `IpamDriver.${string}`>;

function ipamMethods(options: MethodsOptions): Pick<Methods, IpamMethod> {
  const { bindings, networks, endpoints, locks } = options;
  const asked = new Map<string, number>();

  /** netsvc's network of a pool. */
  async function networkOf(pool: PoolRecord): Promise<NetworkRecord> {
    if (pool.network !== undefined) return networks.named(pool.network);
    if (pool.dockerNetwork !== undefined) return await networks.of(pool.dockerNetwork);
    throw new NetsvcError(
      "invalid",
      "Addresses of netsvc's are for netsvc's networks: create the network with both -d netsvc and " +
        "--ipam-driver netsvc",
    );
  }

  async function requestPool(request: RequestOf<"IpamDriver.RequestPool">) {
    checkOptions(request.Options);
    const reference = request.Options[NETWORK_OPTION];
    const network = reference === undefined ? undefined : networks.named(reference);
    const family = request.V6 ? 6 : 4;
    const last = network && asked.get(`${network.id}/${family}`);
    if (network) asked.set(`${network.id}/${family}`, performance.now());
    const pool = answerPool({
      family,
      wanted: request.Pool,
      range: request.SubPool,
      ...network && { network },
      again: last !== undefined && performance.now() - last < AGAIN_MS,
    });
    const record: PoolRecord = {
      id: `netsvc-${crypto.getRandomValues(new Uint8Array(8)).toHex()}`,
      family,
      ...reference !== undefined && { network: reference },
      pool,
      gateway: nobodysGateway(family, bindings.pools()),
      created: now(),
    };
    await bindings.putPool(record);
    return { PoolID: record.id, Pool: pool, Data: { [GATEWAY]: record.gateway } };
  }

  async function requestAddress({ PoolID, Address, Options }: RequestOf<
    "IpamDriver.RequestAddress"
  >) {
    const pool = bindings.pool(PoolID);
    if (!pool) throw new NetsvcError("not_found", `No such pool: ${JSON.stringify(PoolID)}`);
    const prefix = parseCidr(pool.pool).prefix;
    if (Options["RequestAddressType"] === GATEWAY) {
      if (Address === "") return { Address: pool.gateway, Data: {} };
      const gateway = `${bare(Address)}/${prefix}`;
      await bindings.putPool({ ...pool, gateway });
      return { Address: gateway, Data: {} };
    }
    // Docker sets auxiliary addresses aside before it makes the network; netsvc has its own.
    if (pool.dockerNetwork === undefined && Address !== "") {
      return { Address: `${bare(Address)}/${prefix}`, Data: {} };
    }
    const network = await networkOf(pool);
    const mac = (Options[MAC] ?? randomMac()).toLowerCase();
    const ips = Address === "" ? [] : [bare(Address)];
    if (!network.pools.some(({ family }) => family === pool.family)) {
      throw new NetsvcError(
        "invalid",
        `netsvc's network "${network.name}" has no IPv${pool.family} addresses; leave --ipv6 out`,
      );
    }
    const service = await endpoints.publish(network, mac, ips);
    const own = service.addresses.find((each) => parseIp(bare(each)).family === pool.family)!;
    if (Address === "" || bare(own) === bare(Address)) return { Address: own, Data: {} };
    throw new NetsvcError(
      "exists",
      `The endpoint has the address ${bare(own)} already, and not ${bare(Address)}`,
    );
  }

  async function releaseAddress({ PoolID, Address }: RequestOf<"IpamDriver.ReleaseAddress">) {
    const pool = bindings.pool(PoolID);
    if (!pool || Address === "" || isNobodys(Address)) return {};
    const network = await networkOf(pool).catch(() => undefined); // It is gone with all of its own.
    const binding = network && endpoints.withAddress(network.id, bare(Address));
    if (binding) await locks.dockerEndpoint(binding, () => endpoints.release(binding));
    return {};
  }

  return {
    // With a MAC address Docker's requests for one endpoint, also repeated ones, are known as one.
    "IpamDriver.GetCapabilities": () =>
      Promise.resolve({ RequiresMACAddress: true, RequiresRequestReplay: false }),
    "IpamDriver.GetDefaultAddressSpaces": () =>
      Promise.resolve({
        LocalDefaultAddressSpace: ADDRESS_SPACE,
        GlobalDefaultAddressSpace: ADDRESS_SPACE,
      }),
    "IpamDriver.RequestPool": requestPool,
    "IpamDriver.ReleasePool": async ({ PoolID }) => {
      await bindings.deletePool(PoolID);
      return {};
    },
    "IpamDriver.RequestAddress": requestAddress,
    "IpamDriver.ReleaseAddress": releaseAddress,
  };
}

function driverMethods(options: MethodsOptions): Omit<Methods, IpamMethod> {
  const { bindings, networks, endpoints, plugs, locks } = options;

  async function createNetwork(request: RequestOf<"NetworkDriver.CreateNetwork">) {
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
    if (reference !== undefined) {
      const network = networks.named(reference);
      if (foreign.length === 0) checkSubnets(network, all.map(({ Pool }) => Pool));
      const other = pools.find((pool) =>
        pool.network !== undefined && networks.named(pool.network).id !== network.id
      );
      if (other) {
        throw new NetsvcError(
          "invalid",
          `--ipam-opt ${NETWORK_OPTION}=${other.network} and -o ${NETWORK_OPTION}=${reference} ` +
            `are two networks; name one`,
        );
      }
    }
    const own = reference === undefined ? undefined : networks.named(reference);
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

  async function createEndpoint(request: RequestOf<"NetworkDriver.CreateEndpoint">) {
    const { NetworkID, EndpointID, Interface } = request;
    const network = await networks.of(NetworkID);
    const mac = Interface.MacAddress.toLowerCase();
    const known = bindings.endpointById(EndpointID) ??
      (mac === "" ? undefined : bindings.endpoint(network.id, mac)) ??
      endpoints.withAddress(network.id, bare(Interface.Address));
    // Addresses of another IPAM are kept where they can be.
    const wanted = [Interface.Address, Interface.AddressIPv6].filter((address) => address !== "")
      .map(bare);
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
    // Only what came empty may be answered.
    return { Interface: mac === "" ? { MacAddress: service.mac } : {} };
  }

  /** An endpoint that Docker takes apart; what isn't known any more is gone already. */
  async function withEndpoint(
    id: string,
    action: (binding: EndpointBinding) => Promise<void>,
  ): Promise<Record<string, never>> {
    const found = bindings.endpointById(id);
    if (!found) return {};
    await plugs.stop(found);
    await locks.dockerEndpoint(found, async () => {
      const binding = bindings.endpoint(found.network, found.mac);
      if (binding) await action(binding);
    });
    return {};
  }

  async function join({ EndpointID, SandboxKey }: RequestOf<"NetworkDriver.Join">) {
    const found = bindings.endpointById(EndpointID);
    if (!found) throw new NetsvcError("not_found", `No such endpoint: ${EndpointID}`);
    const binding = { ...found, sandbox: SandboxKey };
    await locks.dockerEndpoint(found, () => bindings.putEndpoint(binding));
    await plugs.join(binding);
    const network = await networks.of(found.dockerNetwork!);
    // No interface for Docker to move; and where there is to be no way out, none of Docker's either.
    return network.internal ? { DisableGatewayService: true } : {};
  }

  return {
    "Plugin.Activate": () => Promise.resolve({ Implements: ["NetworkDriver", "IpamDriver"] }),
    // Each host's Docker has its own id for what is one network of netsvc's.
    "NetworkDriver.GetCapabilities": () =>
      Promise.resolve({ Scope: "local", ConnectivityScope: "global" }),
    "NetworkDriver.AllocateNetwork": nothing,
    "NetworkDriver.FreeNetwork": nothing,
    "NetworkDriver.CreateNetwork": createNetwork,
    "NetworkDriver.DeleteNetwork": async ({ NetworkID }) => {
      await networks.forget(NetworkID);
      return {};
    },
    "NetworkDriver.CreateEndpoint": createEndpoint,
    "NetworkDriver.EndpointOperInfo": () => Promise.resolve({ Value: {} }),
    "NetworkDriver.DeleteEndpoint": ({ EndpointID }) =>
      // With the address, where netsvc gave it; that is given back afterwards, and found gone.
      withEndpoint(EndpointID, (binding) => endpoints.release(binding)),
    "NetworkDriver.Join": join,
    "NetworkDriver.Leave": ({ EndpointID }) =>
      withEndpoint(EndpointID, async ({ sandbox: _, ...binding }) => {
        await bindings.putEndpoint(binding);
        await endpoints.unplug(binding);
      }),
    "NetworkDriver.ProgramExternalConnectivity": nothing,
    "NetworkDriver.RevokeExternalConnectivity": nothing,
    "NetworkDriver.DiscoverNew": nothing,
    "NetworkDriver.DiscoverDelete": nothing,
  };
}
