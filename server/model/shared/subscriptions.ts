/**
 * What this daemon follows of the shared store: every network's record; and a network's services only where this host
 * backs some or a request asks for them. So the work of a daemon grows with its own networks, not with the cluster.
 *
 * @module
 */
import type { Mirror } from "../mirror.ts";
import type { StoreLink } from "./store_link.ts";
import { keys, networkPrefixes } from "../keys.ts";

/** A network that only a request needed is followed for this long, in milliseconds. */
const IDLE_MS = 60_000;

/** The followed networks. */
export class Interests {
  readonly #mirror: Mirror;
  /** Absent where everything is followed anyway: an embedded store's mirror. */
  readonly #link: StoreLink | undefined;
  readonly #idle: number;
  /** When a request last needed each network, by performance.now(). */
  readonly #used = new Map<string, number>();
  /** Networks known from the snapshot: the best that there is while the store is away. */
  readonly #seeded = new Set<string>();

  /** @param idle how long a network that only a request needed is followed, in milliseconds */
  constructor(mirror: Mirror, link?: StoreLink, idle: number = IDLE_MS) {
    this.#mirror = mirror;
    this.#link = link;
    this.#idle = idle;
  }

  /**
   * Follows a network of the shared store, and returns when its services are known.
   *
   * @throws {NetsvcError} when the store doesn't answer and the snapshot doesn't have the network
   */
  async ensure(network: string): Promise<void> {
    if (!this.#link) return;
    const prefixes = networkPrefixes(network);
    this.#used.set(network, performance.now());
    if (prefixes.every((prefix) => this.#mirror.follows(prefix))) return;
    try {
      // A store that is away won't send a snapshot within any deadline.
      await this.#link.refuseWhileAway();
      await Promise.all(prefixes.map((prefix) => this.#mirror.follow(prefix)));
    } catch (error) {
      if (!this.#seeded.has(network)) throw error;
    }
  }

  /** Whether the store is one that other hosts change, and that may be away. */
  get remote(): boolean {
    return this.#link !== undefined;
  }

  /**
   * Brings the copy up to the store's present state: all networks' records, and what else is followed of these
   * networks.
   *
   * @throws {NetsvcError} `unavailable`, `timeout` when the store doesn't answer
   */
  async catchUp(networks: string[]): Promise<void> {
    await this.#link?.refuseWhileAway();
    const prefixes = [keys.networks, ...networks.flatMap(networkPrefixes)];
    await Promise.all(prefixes.map((prefix) => this.#mirror.catchUp(prefix)));
  }

  /** Follows a network that is known from the snapshot, without waiting for the store. */
  begin(network: string): void {
    this.#seeded.add(network);
    this.#used.set(network, performance.now());
    for (const prefix of networkPrefixes(network)) {
      this.#mirror.follow(prefix).catch(() => {}); // It goes on when the store is back.
    }
  }

  /** Whether the services of a network are known: it is followed, and its first snapshot has come. */
  has(network: string): boolean {
    if (!this.#link || this.#seeded.has(network)) return true;
    return networkPrefixes(network).every((prefix) => this.#mirror.follows(prefix));
  }

  /** Stops following networks that no request has needed for a while and that `needed` doesn't hold. */
  async sweep(needed: (network: string) => boolean): Promise<void> {
    if (!this.#link) return;
    const now = performance.now();
    for (const [network, used] of [...this.#used]) {
      if (needed(network) || now - used < this.#idle) continue;
      this.#used.delete(network);
      this.#seeded.delete(network);
      await Promise.all(networkPrefixes(network).map((prefix) => this.#mirror.unfollow(prefix)));
    }
  }
}
