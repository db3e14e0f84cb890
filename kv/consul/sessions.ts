/**
 * Leases as Consul's sessions. Consul takes a time to live of 10 s and more, and ends a session at
 * up to twice that; its holder counts it as lost after the time to live itself.
 *
 * @module
 */
import { HeldLeases } from "../leases/renewed_lease.ts";
import type { Lease } from "../store.ts";
import type { Http } from "./http.ts";
import type { Nodes } from "./nodes.ts";

/** Shortest time to live that Consul accepts, in milliseconds. */
const MIN_TTL_MS = 10_000;
/** Longest time to live that Consul accepts, in milliseconds. */
const MAX_TTL_MS = 86_400_000;

/** The leases of one store. */
export class Sessions {
  readonly #http: Http;
  readonly #nodes: Nodes;
  readonly #held = new HeldLeases();

  constructor(http: Http, nodes: Nodes) {
    this.#http = http;
    this.#nodes = nodes;
  }

  /** @param ttl in milliseconds */
  async grant(ttl: number): Promise<Lease> {
    const granted = Math.ceil(Math.min(Math.max(ttl, MIN_TTL_MS), MAX_TTL_MS) / 1000) * 1000;
    const node = await this.#nodes.make();
    const asked = performance.now();
    const { text } = await this.#http.send({
      method: "PUT",
      path: "session/create",
      body: {
        Name: "netsvc",
        ...node !== undefined && { Node: node },
        TTL: `${granted / 1000}s`,
        Behavior: "delete",
        // A lock that is free can be taken at once.
        LockDelay: "0s",
        // The session is as alive as its renewals.
        NodeChecks: [],
      },
    }).catch(async (error) => {
      if (node !== undefined) await this.#nodes.remove(node).catch(() => {});
      throw error;
    });
    const id: string = JSON.parse(text).ID;
    return this.#held.hold({
      id,
      ttl: granted,
      asked,
      renew: () => this.#renew(id),
      revoke: () => this.#destroy(id, node),
      ...node === undefined && {
        whyEnded: "the server that it was taken from may have left; let the token make nodes",
      },
    });
  }

  /** @throws {NetsvcError} `conflict` when the lease has ended */
  use(lease: Lease): void {
    this.#held.use(lease);
  }

  async #renew(id: string): Promise<boolean> {
    const path = `session/renew/${id}`;
    return (await this.#http.send({ method: "PUT", path, expect: [404] })).status === 200;
  }

  async #destroy(id: string, node: string | undefined): Promise<void> {
    await this.#http.send({ method: "PUT", path: `session/destroy/${id}` });
    // The next client that searches removes the rest.
    if (node !== undefined) await this.#nodes.remove(node).catch(() => {});
  }

  /** Stops all renewals; the store ends the leases at their time. */
  close(): void {
    this.#held.close();
    this.#nodes.close();
  }
}
