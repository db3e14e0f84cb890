/**
 * What the tables hold of the endpoints that are joined here, where that depends on what else is joined: a port
 * of the host that several publish, and addresses that links of one sandbox lend each other. Pure.
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

/** Rules of the endpoints on one host. */
export class EndpointRules {
  /** What each endpoint publishes of the host's ports: several may have one, at other addresses. */
  readonly #published = new Map<string, Set<string>>();
  /** By network. */
  readonly #siblings = new Map<string, Siblings>();

  /** Counts an endpoint in; gives what is to be added. */
  join(network: NetworkSpec, join: Join): Partial<Elements> {
    this.#published.set(join.endpoint.id, publishedElements(network, join));
    return merged([joinElements(network, join), this.#siblingsOn(network).add(join)]);
  }

  /** Counts it out; gives what is to be removed. */
  leave(network: NetworkSpec, join: Join): Partial<Elements> {
    const published = this.#lastPublished(network, join);
    const siblings = this.#siblingsOn(network);
    const lent = siblings.remove(join.endpoint.id);
    if (siblings.isEmpty) this.#siblings.delete(network.id);
    return { ...merged([leaveElements(network, join), lent]), published };
  }

  /** Takes back the ports of an endpoint that stays; gives what is to be removed. */
  unpublish(network: NetworkSpec, join: Join): Partial<Elements> {
    return { ...portElements(network, join), published: this.#lastPublished(network, join) };
  }

  /** Takes these for all; gives all that there should be. */
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

  /** The ports of the host that are published no longer when an endpoint's aren't. */
  #lastPublished(network: NetworkSpec, join: Join): Set<string> {
    this.#published.delete(join.endpoint.id);
    const own = publishedElements(network, join);
    if (own.size === 0) return own;
    const others = [...this.#published.values()];
    return new Set([...own].filter((port) => !others.some((set) => set.has(port))));
  }
}
