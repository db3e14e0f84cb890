/**
 * A sandbox with several links on one network answers at each address, but the kernel sends the answer by whichever
 * of the links its routes name first: so each of the ports may send with its siblings' addresses. Pure.
 *
 * @module
 */
import type { Join } from "../driver.ts";
import { bareAddress, canonicalAddress } from "../../lib/ip/text.ts";
import { vethName } from "../links/names.ts";
import { type Elements, merged } from "./table.ts";

/** The elements that let one port send with the addresses of another of its sandbox. */
function lent({ endpoint: { id, mac } }: Join, { endpoint }: Join): Partial<Elements> {
  const bare = endpoint.addresses.map((address) => canonicalAddress(bareAddress(address)));
  const from = (addresses: string[]) =>
    new Set(addresses.map((address) => `"${vethName(id)}" . ${mac} . ${address}`));
  return {
    senders4: from(bare.filter((address) => !address.includes(":"))),
    senders6: from(bare.filter((address) => address.includes(":"))),
  };
}

/** The endpoints of one network on this host, by their sandboxes. */
export class Siblings {
  readonly #joins = new Map<string, Join>();

  /** Whether it holds no endpoints. */
  get isEmpty(): boolean {
    return this.#joins.size === 0;
  }

  /** Adds an endpoint; returns what its port and those of its siblings may send in addition. */
  add(join: Join): Partial<Elements> {
    this.#joins.set(join.endpoint.id, join);
    return this.#between(join);
  }

  /** Removes an endpoint; returns what no port may send any more. */
  remove(endpoint: string): Partial<Elements> {
    const join = this.#joins.get(endpoint);
    if (!join) return {};
    this.#joins.delete(endpoint);
    return this.#between(join);
  }

  /** Replaces all endpoints; returns what their ports may send in addition. */
  set(joins: Join[]): Partial<Elements> {
    this.#joins.clear();
    for (const join of joins) this.#joins.set(join.endpoint.id, join);
    const bySandbox = Map.groupBy(joins, ({ sandbox }) => sandbox.path);
    return merged(
      [...bySandbox.values()].flatMap((own) =>
        own.flatMap((one) => own.flatMap((other) => one === other ? [] : [lent(one, other)]))
      ),
    );
  }

  #between(join: Join): Partial<Elements> {
    const { endpoint, sandbox } = join;
    const others = [...this.#joins.values()].filter((other) =>
      other.sandbox.path === sandbox.path && other.endpoint.id !== endpoint.id
    );
    return merged(others.flatMap((other) => [lent(join, other), lent(other, join)]));
  }
}
