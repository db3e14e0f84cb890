/**
 * What this host has joined, as far as this process knows: the converger compares it with what the store says, and
 * leaves endpoints that another container or host was given.
 *
 * @module
 */
import type { Join } from "../../drivers/driver.ts";
import type { Driven } from "./network_spec.ts";

/** A joined endpoint, with all that leaving needs: its network may be gone by then. */
export interface Plugged {
  of: Driven;
  join: Join;
}

/** Joins by service, of networks of the shared store. */
export class Joined {
  readonly #joins = new Map<string, Plugged>();

  set(of: Driven, join: Join): void {
    this.#joins.set(join.endpoint.id, { of, join });
  }

  get(service: string): Plugged | undefined {
    return this.#joins.get(service);
  }

  delete(service: string): void {
    this.#joins.delete(service);
  }

  /** Joined services on a network, with their joins. */
  on(network: string): Plugged[] {
    return [...this.#joins.values()].filter(({ of }) => of.spec.id === network);
  }
}
