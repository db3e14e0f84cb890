/**
 * Notes what plugins gave until the store has it, so that a crash leaves nothing with a plugin that no object uses.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorChain } from "../../../lib/api/errors.ts";
import { atMost } from "../../../lib/async/deadline.ts";
import { cidrContains, parseCidr, parseIp } from "../../../lib/ip/cidr.ts";
import { bareAddress } from "../../../lib/ip/text.ts";
import type { NetworkRecord } from "../../model/records.ts";
import type { IntentLog } from "../intent_log.ts";
import { poolsOf } from "./own_pools.ts";

const log = getLogger(["netsvc", "drivers"]);

/** Callers wait at most this long for the release of addresses, in milliseconds. */
const GIVE_BACK_MS = 1_000;

/** Notes of addresses and pools. */
export class IpamNotes {
  readonly #intents: IntentLog;

  constructor(intents: IntentLog) {
    this.#intents = intents;
  }

  /** Ends an object with addresses, and releases them when it has ended. */
  async releasing<T>(
    network: NetworkRecord,
    addresses: string[],
    end: () => Promise<T>,
  ): Promise<T> {
    return await this.#releasing(await this.#noteAddresses(network, addresses), end);
  }

  /** Removes a network, and releases its pools, with their gateways and auxiliary addresses. */
  async releasingPools<T>(network: NetworkRecord, end: () => Promise<T>): Promise<T> {
    return await this.#releasing(await this.#notePools(network), end);
  }

  async #releasing<T>(notes: string[], end: () => Promise<T>): Promise<T> {
    let ended: T;
    try {
      ended = await end();
    } catch (error) {
      this.#intents.keep(notes);
      throw error;
    }
    await this.giveBack(notes);
    return ended;
  }

  /** Notes that addresses of a network are about to be released. */
  async #noteAddresses(network: NetworkRecord, addresses: string[]): Promise<string[]> {
    if (!network.ipam) return [];
    const notes: string[] = [];
    for (const cidr of addresses) {
      const address = bareAddress(cidr);
      const pool = poolsOf(network).find(({ subnet }) =>
        cidrContains(parseCidr(subnet), parseIp(address))
      );
      if (!pool) continue;
      const { driver: plugin } = network.ipam;
      const whose = { plugin, scope: network.scope, network: network.id, poolId: pool.poolId };
      notes.push(await this.#intents.note({ ...whose, kind: "address", address }));
    }
    return notes;
  }

  async #notePools(network: NetworkRecord): Promise<string[]> {
    const notes: string[] = [];
    for (const { poolId, gateway, aux } of poolsOf(network)) {
      const { driver: plugin } = network.ipam!;
      const whose = { plugin, scope: network.scope, network: network.id, poolId };
      notes.push(await this.#intents.note({ ...whose, kind: "pool" }));
      const held = [...gateway === undefined ? [] : [gateway], ...Object.values(aux ?? {})];
      notes.push(...await this.#noteAddresses(network, held));
    }
    return notes;
  }

  /** Drops notes: the store has what the plugin gave. */
  async confirm(notes: string[]): Promise<void> {
    await this.#intents.drop(notes);
  }

  /** Releases what was noted and the store lacks. A plugin that can't be reached gets it later: callers don't wait. */
  async giveBack(notes: string[]): Promise<void> {
    if (notes.length === 0) return;
    const done = this.#intents.undo(notes);
    done.catch((error) => log.error("Cannot give back: {cause}", { cause: errorChain(error) }));
    await atMost(done, GIVE_BACK_MS);
  }
}
