/**
 * Addresses of services on networks whose IPAM is a plugin.
 *
 * @module
 */
import type { AddressRequest } from "../../../drivers/ipam.ts";
import { PluginRefusal } from "../../../drivers/remote/protocol/errors.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { cidrContains, formatIp, parseCidr, parseIp } from "../../../lib/ip/cidr.ts";
import { bareAddress } from "../../../lib/ip/text.ts";
import { pickAddress, reserved } from "../../ipam/allocator.ts";
import { wantedByFamily } from "../../ipam/endpoint_addresses.ts";
import { isHostAddress } from "../../ipam/network_pools.ts";
import type { NetworkRecord } from "../../model/records.ts";
import type { IpamNeeds } from "./needs.ts";
import { notReserved, poolsOf } from "./own_pools.ts";
import type { Given, IpamOptions } from "./plugins.ts";

/** The addresses that a service wants. */
export interface WantedAddresses {
  wanted: string[];
  /** Addresses that it had before. */
  previous: string[];
  mac: string;
}

/** Asks plugins for addresses. */
export class PluginAddresses {
  readonly #options: IpamOptions;
  readonly #needs: IpamNeeds;

  constructor(options: IpamOptions, needs: IpamNeeds) {
    this.#options = options;
    this.#needs = needs;
  }

  /**
   * Asks for the addresses of a service, as CIDRs, IPv4 first: the wanted ones, else those that it had
   * before, else any.
   */
  async request(
    network: NetworkRecord,
    { wanted, previous, mac }: WantedAddresses,
  ): Promise<Given<string[]>> {
    const asked = wantedByFamily({ network, wanted });
    const plugin = network.ipam!.driver;
    const { requiresMac } = await this.#needs.of(plugin);
    const notes: string[] = [];
    const given: string[] = [];
    try {
      for (const family of new Set(network.pools.map((pool) => pool.family))) {
        const ip = asked.get(family);
        const address = await this.#requestOf(network, family, {
          ...ip && { wanted: formatIp(ip) },
          previous: previous.map((cidr) => bareAddress(cidr)),
          ...requiresMac && { mac },
        }, notes);
        given.push(address);
      }
      return { given, notes };
    } catch (error) {
      await this.#options.intents.undo(notes);
      throw error;
    }
  }

  /** An address of a family: from the first of its pools in which the plugin gives one. */
  async #requestOf(
    network: NetworkRecord,
    family: 4 | 6,
    { wanted, previous, mac }: { wanted?: string; previous: string[]; mac?: string },
    notes: string[],
  ): Promise<string> {
    const { driver: plugin } = network.ipam!;
    const ipam = this.#options.ipam(plugin);
    let refusal: unknown;
    for (const pool of poolsOf(network)) {
      if (pool.family !== family) continue;
      const holds = (ip: string) => cidrContains(parseCidr(pool.subnet), parseIp(ip));
      if (wanted !== undefined) {
        if (!holds(wanted)) continue;
        // An address that no service can have is the user's mistake, not the plugin's.
        pickAddress({ pool, wanted, taken: () => false, quarantined: () => undefined });
      }
      const before = previous.find((ip) =>
        isHostAddress(parseCidr(pool.subnet), parseIp(ip)) && reserved(pool, ip) === undefined
      );
      const tries = wanted !== undefined ? [wanted] : [...before ? [before] : [], undefined];
      for (const address of tries) {
        try {
          const request: AddressRequest = {
            ...address !== undefined && { address },
            ...mac !== undefined && { mac },
          };
          // The network's own addresses aren't released.
          const got = await notReserved({ plugin, pool }, () => ipam.requestAddress(pool, request));
          notes.push(
            await this.#options.intents.note({
              kind: "address",
              plugin,
              scope: network.scope,
              network: network.id,
              poolId: pool.poolId,
              address: bareAddress(got),
            }),
          );
          return got;
        } catch (error) {
          if (!(error instanceof PluginRefusal)) throw error;
          refusal = error;
        }
      }
    }
    throw refusal ?? new NetsvcError(
      "invalid",
      `The address ${wanted} is outside all subnets of network "${network.name}"; choose one inside`,
    );
  }
}
