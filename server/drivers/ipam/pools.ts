/**
 * Pools of networks whose IPAM is a plugin, with their gateways and auxiliary addresses.
 *
 * @module
 */
import type { PoolRequest } from "../../../drivers/ipam.ts";
import { PluginAnswerError } from "../../../drivers/remote/protocol/errors.ts";
import type { CreateNetwork, NetworkIpam, Pool, Scope } from "../../../lib/api/types.ts";
import { type Cidr, cidrContains, formatIp, parseCidr, parseIp } from "../../../lib/ip/cidr.ts";
import { bareAddress } from "../../../lib/ip/text.ts";
import { reserved } from "../../ipam/allocator.ts";
import { planPools } from "../../ipam/network_pools.ts";
import type { IpamNeeds } from "./needs.ts";
import { notReserved } from "./own_pools.ts";
import type { Given, IpamOptions } from "./plugins.ts";

/** A new network. */
export interface PoolsRequest {
  request: CreateNetwork;
  /** Its id. */
  network: string;
  scope: Scope;
  /** Whether a pool of a family needs no gateway. */
  gateless: (family: 4 | 6) => boolean;
}

/** Subnets in place of those that the plugin will choose, while the rest of the request is checked. */
const STAND_IN: Record<4 | 6, Cidr> = {
  4: parseCidr("198.18.0.0/15"),
  6: parseCidr("2001:2::/48"),
};

/** Asks plugins for pools. */
export class PluginPools {
  readonly #options: IpamOptions;
  readonly #needs: IpamNeeds;

  constructor(options: IpamOptions, needs: IpamNeeds) {
    this.#options = options;
    this.#needs = needs;
  }

  /** Asks a plugin for the pools of a network, with their gateways and auxiliary addresses. */
  async request(plugin: string, wanted: PoolsRequest): Promise<
    Given<{ pools: Pool[]; ipam: NetworkIpam }>
  > {
    const { request } = wanted;
    // All faults of the request are found before the plugin is asked.
    const planned = planPools(request, (family) => STAND_IN[family]);
    const needs = await this.#needs.of(plugin);
    const notes: string[] = [];
    try {
      const pools: Pool[] = [];
      const ids: { poolId: string }[] = [];
      for (const plan of planned) {
        const { pool, poolId } = await this.#requestPool(plugin, wanted, plan, notes);
        pools.push(pool);
        ids.push({ poolId });
      }
      planPools({ name: request.name, subnets: pools.map(({ subnet }) => subnet) }, () => {
        throw new Error("Each family has its pool");
      });
      const options = request.ipamOptions ?? {};
      return {
        given: {
          pools,
          ipam: { driver: plugin, options, pools: ids, replay: needs.requiresReplay },
        },
        notes,
      };
    } catch (error) {
      await this.#options.intents.undo(notes);
      throw error;
    }
  }

  async #requestPool(
    plugin: string,
    { request, network, scope, gateless }: PoolsRequest,
    plan: Pool,
    notes: string[],
  ): Promise<{ pool: Pool; poolId: string }> {
    const ipam = this.#options.ipam(plugin);
    const { gateway: _, ...rest } = plan;
    const { family } = plan;
    const picked = cidrContains(STAND_IN[family], parseCidr(plan.subnet));
    const asked: PoolRequest = {
      family,
      scope,
      ...!picked && { subnet: plan.subnet },
      ...plan.range !== undefined && { range: plan.range },
      options: request.ipamOptions ?? {},
    };
    const allocated = await ipam.requestPool(asked);
    const { poolId, subnet } = allocated;
    const whose = { plugin, scope, network, poolId };
    notes.push(await this.#options.intents.note({ ...whose, kind: "pool" }));
    const held = new Set<string>();
    const take = async (address: string | undefined, gateway: boolean): Promise<string> => {
      const got = await ipam.requestAddress(allocated, {
        ...address !== undefined && { address },
        gateway,
      });
      const bare = bareAddress(got);
      if (held.has(bare)) return bare;
      notes.push(
        await this.#options.intents.note({ ...whose, kind: "address", address: bare }),
      );
      held.add(bare);
      return bare;
    };
    const own = (request.gateways ?? []).map((text) => formatIp(parseIp(text)))
      .find((ip) => ip === plan.gateway);
    const gateway = own !== undefined || (allocated.gateway === undefined && !gateless(family))
      // An auxiliary address that the plugin gives instead becomes the network's, as it must be.
      ? await notReserved({ plugin, pool: rest }, () => take(own, true))
      : allocated.gateway;
    const use = gateway === undefined ? undefined : reserved(rest, gateway);
    if (use !== undefined) {
      throw new PluginAnswerError(
        plugin,
        "IpamDriver.RequestPool",
        `it gives ${gateway} as gateway, which is ${use}`,
      );
    }
    for (const address of Object.values(plan.aux ?? {})) {
      if (!held.has(address)) await take(address, false);
    }
    return { pool: { ...rest, subnet, ...gateway !== undefined && { gateway } }, poolId };
  }
}
