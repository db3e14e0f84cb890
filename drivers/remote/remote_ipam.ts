/**
 * IPAM by a plugin: libnetwork's IpamDriver protocol.
 *
 * @module
 */
import ipaddr from "ipaddr.js";
import type { z } from "zod";
import type {
  AddressRequest,
  AllocatedPool,
  Ipam,
  IpamCapabilities,
  PoolRequest,
} from "../ipam.ts";
import {
  bareAddress,
  canonicalAddress,
  canonicalSubnet,
  prefixLength,
  subnetHolds,
} from "../../lib/ip/text.ts";
import { PluginAnswerError, PluginRefusal, PluginUnimplemented } from "./protocol/errors.ts";
import { ADDRESS, ADDRESS_SPACES, EMPTY, IPAM_CAPABILITIES, POOL } from "./protocol/messages.ts";
import type { Plugin } from "./plugin/plugin.ts";

/** Key of a pool's data for the gateway, and value that requests one. */
const GATEWAY = "com.docker.network.gateway";
const ADDRESS_TYPE = "RequestAddressType";
const MAC_ADDRESS = "com.docker.network.endpoint.macaddress";

/** The IPAM of a plugin. */
export class RemoteIpam implements Ipam {
  readonly name: string;
  readonly #plugin: Plugin;

  constructor(plugin: Plugin) {
    this.name = plugin.name;
    this.#plugin = plugin;
  }

  /** The plugin's session: a different object after the plugin was restarted. */
  session(): Promise<unknown> {
    return this.#plugin.session();
  }

  async capabilities(): Promise<IpamCapabilities> {
    const { RequiresMACAddress, RequiresRequestReplay } = await this.#call(
      "GetCapabilities",
      undefined,
      IPAM_CAPABILITIES,
    ).catch((error) => {
      if (error instanceof PluginUnimplemented) return {} as z.infer<typeof IPAM_CAPABILITIES>;
      throw error;
    });
    return {
      requiresMac: RequiresMACAddress ?? false,
      requiresReplay: RequiresRequestReplay ?? false,
    };
  }

  async requestPool(
    { family, scope, subnet, range, options }: PoolRequest,
  ): Promise<AllocatedPool> {
    const spaces = await this.#call("GetDefaultAddressSpaces", undefined, ADDRESS_SPACES);
    const given = await this.#call("RequestPool", {
      AddressSpace: scope === "global"
        ? spaces.GlobalDefaultAddressSpace
        : spaces.LocalDefaultAddressSpace,
      Pool: subnet ?? "",
      SubPool: range ?? "",
      Options: options ?? {},
      V6: family === 6,
    }, POOL);
    try {
      const pool = canonicalSubnet(given.Pool);
      if ((family === 6) !== pool.includes(":")) {
        throw this.#lie("RequestPool", `it gives ${pool} for an IPv${family} pool`);
      }
      if (subnet !== undefined && pool !== canonicalSubnet(subnet)) {
        throw this.#lie("RequestPool", `it gives ${pool} where ${subnet} was asked for`);
      }
      const gateway = given.Data?.[GATEWAY];
      return {
        poolId: given.PoolID,
        subnet: pool,
        ...gateway && { gateway: this.#gatewayOf(gateway, pool) },
      };
    } catch (error) {
      await this.releasePool(given.PoolID).catch(() => {}); // The plugin's invalid answer is what to report.
      throw error;
    }
  }

  #gatewayOf(text: string, subnet: string): string {
    const read = ADDRESS.safeParse({ Address: text });
    if (!read.success || !subnetHolds(subnet, bareAddress(read.data.Address))) {
      throw this.#lie(
        "RequestPool",
        `it gives ${JSON.stringify(text.slice(0, 80))} as gateway of ${subnet}`,
      );
    }
    const gateway = canonicalAddress(bareAddress(read.data.Address));
    const kind = noHosts(subnet, gateway);
    if (kind !== undefined) {
      throw this.#lie(
        "RequestPool",
        `it gives ${gateway} as gateway, which is ${kind} of ${subnet}`,
      );
    }
    return gateway;
  }

  async releasePool(poolId: string): Promise<void> {
    await this.#release("ReleasePool", { PoolID: poolId });
  }

  async requestAddress(
    { poolId, subnet }: AllocatedPool,
    { address, mac, gateway }: AddressRequest = {},
  ): Promise<string> {
    const given = await this.#call("RequestAddress", {
      PoolID: poolId,
      Address: address ?? "",
      Options: {
        ...gateway && { [ADDRESS_TYPE]: GATEWAY },
        ...mac !== undefined && { [MAC_ADDRESS]: mac },
      },
    }, ADDRESS);
    const got = canonicalAddress(bareAddress(given.Address));
    const length = prefixLength(given.Address);
    const kind = noHosts(subnet, got);
    const wrong = !subnetHolds(subnet, got) || Number(length) < Number(prefixLength(subnet))
      ? `it gives ${given.Address}, which is outside ${subnet}`
      : kind !== undefined
      ? `it gives ${given.Address}, which is ${kind} of ${subnet}`
      : address !== undefined && got !== canonicalAddress(address)
      ? `it gives ${got} where ${address} was asked for`
      : undefined;
    if (wrong === undefined) return `${got}/${length}`;
    await this.releaseAddress(poolId, got).catch(() => {}); // The plugin's invalid answer is what to report.
    throw this.#lie("RequestAddress", wrong);
  }

  async releaseAddress(poolId: string, address: string): Promise<void> {
    await this.#release("ReleaseAddress", { PoolID: poolId, Address: bareAddress(address) });
  }

  async #release(method: string, body: unknown): Promise<void> {
    try {
      await this.#call(method, body, EMPTY);
    } catch (error) {
      if (!(error instanceof PluginRefusal && error.missing)) throw error;
    }
  }

  #call<T>(method: string, body: unknown, answer: z.ZodType<T>): Promise<T> {
    return this.#plugin.call({ type: "IpamDriver", method, body, answer });
  }

  #lie(method: string, reason: string): PluginAnswerError {
    return new PluginAnswerError(this.name, `IpamDriver.${method}`, reason);
  }
}

/** Why no host can have an address of an IPv4 subnet, if so; a /31 has only host addresses. */
function noHosts(subnet: string, ip: string): string | undefined {
  if (subnet.includes(":") || Number(prefixLength(subnet)) > 30) return undefined;
  if (ip === ipaddr.IPv4.networkAddressFromCIDR(subnet).toString()) return "the network address";
  if (ip !== ipaddr.IPv4.broadcastAddressFromCIDR(subnet).toString()) return undefined;
  return "the broadcast address";
}
