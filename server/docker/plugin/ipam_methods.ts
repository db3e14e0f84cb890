/**
 * The plugin's methods as an IPAM driver of Docker.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { parseCidr, parseIp } from "../../../lib/ip/cidr.ts";
import { bareAddress } from "../../../lib/ip/text.ts";
import { now } from "../../controllers/context.ts";
import type { DockerEndpoints } from "../../controllers/docker/plugin/endpoints.ts";
import type { DockerNetworks } from "../../controllers/docker/plugin/networks.ts";
import type { Locks } from "../../controllers/locks.ts";
import type { NetworkRecord } from "../../model/records.ts";
import type { Bindings, PoolRecord } from "../../model/repository/docker.ts";
import { checkOptions, GATEWAY, MAC, randomMac } from "./options.ts";
import { ADDRESS_SPACE, answerPool, isNobodys, NETWORK_OPTION, nobodysGateway } from "./pools.ts";
import type { Methods, RequestOf } from "./protocol.ts";

/** Requests for a pool of the same network within this time are Docker's retries, in milliseconds. */
const AGAIN_MS = 10_000;

/** Options of {@linkcode IpamMethods}. */
export interface IpamMethodsOptions {
  locks: Pick<Locks, "dockerEndpoint">;
  bindings: Bindings;
  networks: Pick<DockerNetworks, "named" | "of">;
  endpoints: Pick<DockerEndpoints, "publish" | "withAddress" | "release">;
}

type Answer = Promise<Record<string, unknown>>;

export class IpamMethods {
  readonly #options: IpamMethodsOptions;
  /** Time of the last request for a pool, by network and family. */
  readonly #asked = new Map<string, number>();

  constructor(options: IpamMethodsOptions) {
    this.#options = options;
  }

  /** The methods by name. */
  methods(): Pick<Methods, Extract<keyof Methods, `IpamDriver.${string}`>> {
    return {
      // The MAC address identifies Docker's requests for the same endpoint, retries included.
      "IpamDriver.GetCapabilities": () =>
        Promise.resolve({ RequiresMACAddress: true, RequiresRequestReplay: false }),
      "IpamDriver.GetDefaultAddressSpaces": () =>
        Promise.resolve({
          LocalDefaultAddressSpace: ADDRESS_SPACE,
          GlobalDefaultAddressSpace: ADDRESS_SPACE,
        }),
      "IpamDriver.RequestPool": (request) => this.#requestPool(request),
      "IpamDriver.ReleasePool": async ({ PoolID }) => {
        await this.#options.bindings.deletePool(PoolID);
        return {};
      },
      "IpamDriver.RequestAddress": (request) => this.#requestAddress(request),
      "IpamDriver.ReleaseAddress": (request) => this.#releaseAddress(request),
    };
  }

  async #requestPool(request: RequestOf<"IpamDriver.RequestPool">): Answer {
    const { bindings, networks } = this.#options;
    checkOptions(request.Options);
    const reference = request.Options[NETWORK_OPTION];
    const network = reference === undefined ? undefined : networks.named(reference);
    const family = request.V6 ? 6 : 4;
    const pool = answerPool({
      family,
      wanted: request.Pool,
      range: request.SubPool,
      ...network && { network },
      again: network !== undefined && this.#isRepeated(`${network.id}/${family}`),
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

  #isRepeated(question: string): boolean {
    const last = this.#asked.get(question);
    this.#asked.set(question, performance.now());
    return last !== undefined && performance.now() - last < AGAIN_MS;
  }

  async #requestAddress(request: RequestOf<"IpamDriver.RequestAddress">): Answer {
    const { bindings } = this.#options;
    const { PoolID, Address, Options } = request;
    const pool = bindings.pool(PoolID);
    if (!pool) throw new NetsvcError("not_found", `No such pool: ${JSON.stringify(PoolID)}`);
    const { prefix } = parseCidr(pool.pool);
    if (Options["RequestAddressType"] === GATEWAY) {
      if (Address === "") return { Address: pool.gateway, Data: {} };
      const gateway = `${bareAddress(Address)}/${prefix}`;
      await bindings.putPool({ ...pool, gateway });
      return { Address: gateway, Data: {} };
    }
    // Docker reserves auxiliary addresses before it creates the network; netsvc has its own reservations.
    if (pool.dockerNetwork === undefined && Address !== "") {
      return { Address: `${bareAddress(Address)}/${prefix}`, Data: {} };
    }
    return await this.#publish(pool, Address, (Options[MAC] ?? randomMac()).toLowerCase());
  }

  /** Publishes an endpoint, and answers with its address. */
  async #publish(pool: PoolRecord, wanted: string, mac: string): Answer {
    const network = await this.#networkOf(pool);
    if (!network.pools.some(({ family }) => family === pool.family)) {
      throw new NetsvcError(
        "invalid",
        `netsvc's network "${network.name}" has no IPv${pool.family} addresses; leave --ipv6 out`,
      );
    }
    const ips = wanted === "" ? [] : [bareAddress(wanted)];
    const { addresses } = await this.#options.endpoints.publish(network, mac, ips);
    const own = addresses.find((each) => parseIp(bareAddress(each)).family === pool.family)!;
    if (wanted === "" || bareAddress(own) === bareAddress(wanted)) {
      return { Address: own, Data: {} };
    }
    throw new NetsvcError(
      "exists",
      `The endpoint has the address ${bareAddress(own)} already, and not ${bareAddress(wanted)}`,
    );
  }

  /** netsvc's network of a pool. */
  async #networkOf(pool: PoolRecord): Promise<NetworkRecord> {
    const { networks } = this.#options;
    if (pool.network !== undefined) return networks.named(pool.network);
    if (pool.dockerNetwork !== undefined) return await networks.of(pool.dockerNetwork);
    throw new NetsvcError(
      "invalid",
      "Addresses of netsvc's are for netsvc's networks: create the network with both -d netsvc and " +
        "--ipam-driver netsvc",
    );
  }

  async #releaseAddress({ PoolID, Address }: RequestOf<"IpamDriver.ReleaseAddress">): Answer {
    const { bindings, endpoints, locks } = this.#options;
    const pool = bindings.pool(PoolID);
    if (!pool || Address === "" || isNobodys(Address)) return {};
    const network = await this.#networkOf(pool).catch(() => undefined); // Removed with its endpoints.
    const binding = network && endpoints.withAddress(network.id, bareAddress(Address));
    if (binding) await locks.dockerEndpoint(binding, () => endpoints.release(binding));
    return {};
  }
}
