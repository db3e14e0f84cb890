/**
 * What this host has plugged in, as far as this process knows: the converger compares it with what
 * the store says, and unplugs what was given to somebody else.
 *
 * @module
 */
import type { Join } from "../../drivers/driver.ts";

/** Joins by service, of networks of the shared store. */
export class Joined {
  readonly #joins = new Map<string, { network: string; join: Join }>();

  set(network: string, join: Join): void {
    this.#joins.set(join.endpoint.id, { network, join });
  }

  delete(service: string): void {
    this.#joins.delete(service);
  }

  /** Services that are plugged in on a network, with their joins. */
  on(network: string): Join[] {
    return [...this.#joins.values()].filter((entry) => entry.network === network)
      .map(({ join }) => join);
  }
}
