/**
 * What plugins require; those that keep no state are told of everything first after a restart.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Ipam, IpamCapabilities } from "../../../drivers/ipam.ts";
import { PluginRefusal } from "../../../drivers/remote/protocol/errors.ts";
import { cidrContains, parseCidr, parseIp } from "../../../lib/ip/cidr.ts";
import { bareAddress } from "../../../lib/ip/text.ts";
import type { NetworkRecord } from "../../model/records.ts";
import { poolsOf } from "./own_pools.ts";
import type { IpamOptions } from "./plugins.ts";

const log = getLogger(["netsvc", "drivers"]);

/** The requirements of plugins. */
export class IpamNeeds {
  readonly #options: Pick<IpamOptions, "state" | "interests" | "ipam">;
  /** By plugin, the session in which it last told its capabilities, and these. */
  readonly #known = new Map<string, { session: unknown; needs: IpamCapabilities }>();

  constructor(options: Pick<IpamOptions, "state" | "interests" | "ipam">) {
    this.#options = options;
  }

  /** What a plugin requires; one that keeps no state is told of everything again. */
  async of(plugin: string): Promise<IpamCapabilities> {
    const ipam = this.#options.ipam(plugin);
    const session = await ipam.session();
    const known = this.#known.get(plugin);
    if (known && known.session === session) return known.needs;
    const needs = await ipam.capabilities();
    await this.#replay(plugin);
    this.#known.set(plugin, { session, needs });
    return needs;
  }

  /** Requests again all that a plugin gave which said, when it gave it, that it keeps no state. */
  async #replay(plugin: string): Promise<void> {
    const { state, interests } = this.#options;
    for (const { record } of [...state.networks.values()]) {
      if (record.ipam?.driver !== plugin || !record.ipam.replay) continue;
      if (record.scope === "global") await interests.ensure(record.id);
      for (const pool of poolsOf(record)) await this.#replayPool(record, pool);
    }
  }

  async #replayPool(
    { id, scope, ipam: given }: NetworkRecord,
    pool: ReturnType<typeof poolsOf>[number],
  ): Promise<void> {
    const ipam = this.#options.ipam(given!.driver);
    const { family, subnet, range, gateway, aux = {} } = pool;
    const asked = { family, subnet, scope, options: given!.options };
    const again = await unlessRefused(
      ipam.requestPool({ ...asked, ...range !== undefined && { range } }),
    );
    if (again && again.poolId !== pool.poolId) {
      log.warn("The plugin {plugin} gives the pool {subnet} under another name than before", {
        plugin: given!.driver,
        subnet,
      });
    }
    const services = this.#options.state.servicesOf(id).flatMap(({ record: { addresses, mac } }) =>
      addresses.map((cidr) => ({ address: bareAddress(cidr), mac }))
    );
    const held: Parameters<Ipam["requestAddress"]>[1][] = [
      ...gateway === undefined ? [] : [{ address: gateway, gateway: true }],
      ...Object.values(aux).map((address) => ({ address })),
      ...services.filter(({ address }) => cidrContains(parseCidr(subnet), parseIp(address))),
    ];
    for (const request of held) await unlessRefused(ipam.requestAddress(pool, request));
  }
}

/** Ignores a refusal: the plugin doesn't give again what it still has noted. */
async function unlessRefused<T>(asked: Promise<T>): Promise<T | undefined> {
  return await asked.catch((error) => {
    if (error instanceof PluginRefusal) return undefined;
    throw error;
  });
}
