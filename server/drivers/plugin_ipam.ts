/**
 * Addresses of networks whose IPAM is a plugin. What a plugin gives is noted until the store has it,
 * so that a crash leaves nothing with the plugin that nobody uses.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { atMost } from "../../lib/async/deadline.ts";
import type {
  AddressRequest,
  AllocatedPool,
  IpamCapabilities,
  PoolRequest,
} from "../../drivers/ipam.ts";
import type { Plugins } from "../../drivers/remote/plugin/plugins.ts";
import { RemoteIpam } from "../../drivers/remote/remote_ipam.ts";
import { PluginAnswerError, PluginRefusal } from "../../drivers/remote/protocol/errors.ts";
import { pickAddress, reserved } from "../ipam/allocator.ts";
import { type Cidr, cidrContains, formatIp, parseCidr, parseIp } from "../../lib/ip/cidr.ts";
import { wantedByFamily } from "../ipam/endpoint_addresses.ts";
import { isHostAddress, planPools } from "../ipam/network_pools.ts";
import type { NetworkRecord } from "../model/records.ts";
import type { Interests } from "../model/shared/subscriptions.ts";
import type { State } from "../model/state.ts";
import { errorChain, NetsvcError } from "../../lib/api/errors.ts";
import type { CreateNetwork, NetworkIpam, Pool, Scope } from "../../lib/api/types.ts";
import type { IntentLog } from "./intent_log.ts";

const log = getLogger(["netsvc", "drivers"]);

/** What a plugin gave, and the notes of it. */
export interface Given<T> {
  given: T;
  /** Intents: dropped when the store has what was given, undone when it hasn't. */
  notes: string[];
}

/** A network to be. */
export interface PoolsRequest {
  request: CreateNetwork;
  /** Its id. */
  network: string;
  scope: Scope;
  /** Whether a pool of a family needs no gateway. */
  gateless: (family: 4 | 6) => boolean;
}

/** Subnets that stand in for those that the plugin picks, while the rest is checked. */
const STAND_IN: Record<4 | 6, Cidr> = {
  4: parseCidr("198.18.0.0/15"),
  6: parseCidr("2001:2::/48"),
};
/** Addresses that a plugin gives and the network has itself, before that is given up. */
const MAX_OWN = 16;
/** Whoever waits for addresses to be given back waits at most this long, in milliseconds. */
const GIVE_BACK_MS = 1_000;

/** The plugin that hands out the addresses of a network to be; `undefined`: netsvc does. */
export function ipamOf({ ipamDriver, ipamOptions }: CreateNetwork): string | undefined {
  if (ipamDriver !== undefined && ipamDriver !== "default") return ipamDriver;
  if (Object.keys(ipamOptions ?? {}).length === 0) return undefined;
  throw new NetsvcError(
    "invalid",
    `Options of an IPAM driver need one: name it with --ipam-driver, or leave --ipam-opt out`,
  );
}

/** What {@linkcode Ipams} works with. */
export interface IpamsOptions {
  state: State;
  interests: Pick<Interests, "ensure">;
  intents: IntentLog;
  /** A plugin's IPAM. @throws {NetsvcError} `invalid` when no plugin can have such a name */
  ipam: (name: string) => RemoteIpam;
}

/** Makes the IPAM of each plugin once. */
export function pluginIpams(plugins: Plugins): (name: string) => RemoteIpam {
  const made = new Map<string, RemoteIpam>();
  return (name) => {
    const known = made.get(name) ?? new RemoteIpam(plugins.get(name));
    made.set(name, known);
    return known;
  };
}

/** Addresses by plugins. */
export class Ipams {
  readonly #options: IpamsOptions;
  /** By plugin, the session in which it was last asked for what it can, and the answer. */
  readonly #known = new Map<string, { session: unknown; needs: IpamCapabilities }>();

  constructor(options: IpamsOptions) {
    this.#options = options;
  }

  /** Asks a plugin for the pools of a network, with their gateways and auxiliary addresses. */
  async requestPools(plugin: string, wanted: PoolsRequest): Promise<
    Given<{ pools: Pool[]; ipam: NetworkIpam }>
  > {
    const { request } = wanted;
    // All that can be wrong in the request is found before anybody is asked.
    const planned = planPools(request, (family) => STAND_IN[family]);
    const needs = await this.#needs(plugin);
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
      const bare = got.split("/")[0]!;
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
      // An auxiliary address that is given instead is the network's from then on, as it has to be.
      ? await notReserved(plugin, rest, () => take(own, true))
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

  /**
   * Asks for the addresses of a service, as CIDRs, IPv4 first: the wanted ones, else those that it had
   * before, else any.
   */
  async requestAddresses(
    network: NetworkRecord,
    { wanted, previous, mac }: { wanted: string[]; previous: string[]; mac: string },
  ): Promise<Given<string[]>> {
    const asked = wantedByFamily({ network, wanted });
    const plugin = network.ipam!.driver;
    const { requiresMac } = await this.#needs(plugin);
    const notes: string[] = [];
    const given: string[] = [];
    try {
      for (const family of new Set(network.pools.map((pool) => pool.family))) {
        const ip = asked.get(family);
        const address = await this.#requestOf(network, family, {
          ...ip && { wanted: formatIp(ip) },
          previous: previous.map((cidr) => cidr.split("/")[0]!),
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

  /** An address of a family: from the first of its pools that the plugin gives one of. */
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
        // What no service can have is the user's mistake, not the plugin's.
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
          // What the network has itself isn't given back.
          const got = await notReserved(plugin, pool, () => ipam.requestAddress(pool, request));
          notes.push(
            await this.#options.intents.note({
              kind: "address",
              plugin,
              scope: network.scope,
              network: network.id,
              poolId: pool.poolId,
              address: got.split("/")[0]!,
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

  /** Ends something that has addresses, and gives them back when it has ended. */
  async releasing<T>(
    network: NetworkRecord,
    addresses: string[],
    end: () => Promise<T>,
  ): Promise<T> {
    return await this.#releasing(await this.#noteAddresses(network, addresses), end);
  }

  /** Removes a network, and gives its pools back, with their gateways and auxiliary addresses. */
  async releasingPools<T>(network: NetworkRecord, end: () => Promise<T>): Promise<T> {
    return await this.#releasing(await this.#notePools(network), end);
  }

  async #releasing<T>(notes: string[], end: () => Promise<T>): Promise<T> {
    let ended: T;
    try {
      ended = await end();
    } catch (error) {
      this.#options.intents.keep(notes);
      throw error;
    }
    await this.giveBack(notes);
    return ended;
  }

  /** Notes that addresses of a network are about to be free. */
  async #noteAddresses(network: NetworkRecord, addresses: string[]): Promise<string[]> {
    if (!network.ipam) return [];
    const notes: string[] = [];
    for (const cidr of addresses) {
      const address = cidr.split("/")[0]!;
      const pool = poolsOf(network).find(({ subnet }) =>
        cidrContains(parseCidr(subnet), parseIp(address))
      );
      if (!pool) continue;
      const { driver: plugin } = network.ipam;
      const whose = { plugin, scope: network.scope, network: network.id, poolId: pool.poolId };
      notes.push(await this.#options.intents.note({ ...whose, kind: "address", address }));
    }
    return notes;
  }

  async #notePools(network: NetworkRecord): Promise<string[]> {
    const notes: string[] = [];
    for (const { poolId, gateway, aux } of poolsOf(network)) {
      const { driver: plugin } = network.ipam!;
      const whose = { plugin, scope: network.scope, network: network.id, poolId };
      notes.push(await this.#options.intents.note({ ...whose, kind: "pool" }));
      const held = [...gateway === undefined ? [] : [gateway], ...Object.values(aux ?? {})];
      notes.push(...await this.#noteAddresses(network, held));
    }
    return notes;
  }

  /** The store has what was given. */
  async confirm(notes: string[]): Promise<void> {
    await this.#options.intents.drop(notes);
  }

  /** Gives back what was noted and the store hasn't. A plugin that isn't there gets it later, and holds nobody up. */
  async giveBack(notes: string[]): Promise<void> {
    if (notes.length === 0) return;
    const done = this.#options.intents.undo(notes);
    done.catch((error) => log.error("Cannot give back: {cause}", { cause: errorChain(error) }));
    await atMost(done, GIVE_BACK_MS);
  }

  /** Asks plugins that forget for everything again, if they were started anew. */
  async refresh(plugin: string): Promise<void> {
    await this.#needs(plugin);
  }

  /** What a plugin needs; one that forgets, and was started anew, is told of everything first. */
  async #needs(plugin: string): Promise<IpamCapabilities> {
    const ipam = this.#options.ipam(plugin);
    const session = await ipam.session();
    const known = this.#known.get(plugin);
    if (known && known.session === session) return known.needs;
    const needs = await ipam.capabilities();
    await this.#replay(plugin);
    this.#known.set(plugin, { session, needs });
    return needs;
  }

  /** Asks again for all that a plugin gave which said, when it gave it, that it forgets. */
  async #replay(plugin: string): Promise<void> {
    const { state, interests } = this.#options;
    const ipam = this.#options.ipam(plugin);
    for (const { record } of [...state.networks.values()]) {
      if (record.ipam?.driver !== plugin || !record.ipam.replay) continue;
      if (record.scope === "global") await interests.ensure(record.id);
      for (const pool of poolsOf(record)) {
        const { family, subnet, range, gateway, aux = {} } = pool;
        const asked = {
          ...{ family, subnet, scope: record.scope, options: record.ipam.options },
          ...range !== undefined && { range },
        };
        const again = await unlessRefused(ipam.requestPool(asked));
        if (again && again.poolId !== pool.poolId) {
          log.warn("The plugin {plugin} gives the pool {subnet} under another name than before", {
            plugin,
            subnet,
          });
        }
        const inPool = (ip: string) => cidrContains(parseCidr(subnet), parseIp(ip));
        const services = state.servicesOf(record.id).flatMap(({ record: { addresses, mac } }) =>
          addresses.map((cidr) => ({ address: cidr.split("/")[0]!, mac }))
        );
        const held = [
          ...gateway === undefined ? [] : [{ address: gateway, gateway: true }],
          ...Object.values(aux).map((address) => ({ address })),
          ...services.filter(({ address }) => inPool(address)),
        ];
        for (const request of held) await unlessRefused(ipam.requestAddress(pool, request));
      }
    }
  }
}

/** A network's pools with the plugin's names of them. */
function poolsOf({ pools, ipam }: NetworkRecord): (Pool & AllocatedPool)[] {
  return (ipam?.pools ?? []).map(({ poolId }, i) => ({ ...pools[i]!, poolId }));
}

/**
 * Asks until an address comes that isn't the network's gateway or an auxiliary one: a plugin that
 * forgot gives those, too.
 *
 * @throws {PluginAnswerError} when none comes
 */
async function notReserved(
  plugin: string,
  pool: Pool,
  ask: () => Promise<string>,
): Promise<string> {
  for (let left = MAX_OWN + Object.keys(pool.aux ?? {}).length;; left--) {
    const got = await ask();
    const use = reserved(pool, got.split("/")[0]!);
    if (use === undefined) return got;
    if (left > 1) continue;
    throw new PluginAnswerError(
      plugin,
      "IpamDriver.RequestAddress",
      `it gives ${got} again and again, which is ${use} on this network`,
    );
  }
}

/** What it has already it refuses to give again. */
async function unlessRefused<T>(asked: Promise<T>): Promise<T | undefined> {
  return await asked.catch((error) => {
    if (error instanceof PluginRefusal) return undefined;
    throw error;
  });
}
