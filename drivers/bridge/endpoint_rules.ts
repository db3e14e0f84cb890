/**
 * The table elements of the endpoints joined on this host that depend on other joins: a host port that several
 * endpoints publish, and addresses that links of one sandbox may use for each other. Pure.
 *
 * @module
 */
import type { DesiredNetwork, Join, NetworkSpec } from "../driver.ts";
import { Siblings } from "../nft/siblings.ts";
import { type Elements, merged } from "../nft/table.ts";
import {
  allElements,
  joinElements,
  leaveElements,
  portElements,
  publishedElements,
} from "./rules.ts";

/** The endpoint rules of one host. */
export class EndpointRules {
  /**
   * The host ports that each endpoint publishes: several endpoints may publish the same port, at different
   * addresses.
   */
  readonly #published = new Map<string, Set<string>>();
  /** Siblings by network. */
  readonly #siblings = new Map<string, Siblings>();

  /** Registers an endpoint; returns the elements to add. */
  join(network: NetworkSpec, join: Join): Partial<Elements> {
    this.#published.set(join.endpoint.id, publishedElements(network, join));
    return merged([joinElements(network, join), this.#siblingsOn(network).add(join)]);
  }

  /** Unregisters an endpoint; returns the elements to remove. */
  leave(network: NetworkSpec, join: Join): Partial<Elements> {
    const published = this.#lastPublished(network, join);
    const siblings = this.#siblingsOn(network);
    const lent = siblings.remove(join.endpoint.id);
    if (siblings.isEmpty) this.#siblings.delete(network.id);
    return { ...merged([leaveElements(network, join), lent]), published };
  }

  /** Unregisters the ports of an endpoint that stays joined; returns the elements to remove. */
  unpublish(network: NetworkSpec, join: Join): Partial<Elements> {
    return { ...portElements(network, join), published: this.#lastPublished(network, join) };
  }

  /** Replaces all registered endpoints; returns the complete elements. */
  set(desired: DesiredNetwork[]): Partial<Elements> {
    this.#published.clear();
    this.#siblings.clear();
    for (const { network, joins } of desired) {
      for (const join of joins) {
        this.#published.set(join.endpoint.id, publishedElements(network, join));
      }
    }
    const lent = desired.map(({ network, joins }) => this.#siblingsOn(network).set(joins));
    return merged([allElements(desired), ...lent]);
  }

  #siblingsOn({ id }: NetworkSpec): Siblings {
    const siblings = this.#siblings.get(id) ?? new Siblings();
    this.#siblings.set(id, siblings);
    return siblings;
  }

  /** The host ports that no other endpoint still publishes. */
  #lastPublished(network: NetworkSpec, join: Join): Set<string> {
    this.#published.delete(join.endpoint.id);
    const own = publishedElements(network, join);
    if (own.size === 0) return own;
    const others = [...this.#published.values()];
    return new Set([...own].filter((port) => !others.some((set) => set.has(port))));
  }
}
