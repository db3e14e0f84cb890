/**
 * Nodes that sessions belong to. Consul ends a session with its node, and an agent's node goes when
 * that agent leaves or is removed: autopilot removes a server that has died. So each lease has a node
 * of its own, which no agent is behind. Consul keeps such nodes for ever; those that a host left behind are removed
 * by any other one, once they have been seen without a session twice.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { NetsvcError } from "../../lib/api/errors.ts";
import { sleep } from "../../lib/async/sleep.ts";
import type { Http } from "./http.ts";

const log = getLogger(["netsvc", "store"]);

/** First characters of a node's name; a token needs the right to write such nodes. */
export const NODE_PREFIX = "netsvc-";
/** Metadata that names a node's owner: the prefix of the store. */
const META = "netsvc-store";
/** Time between two searches for leftover nodes, in milliseconds: much longer than a grant takes. */
const LOOK_MS = 600_000;

/** The nodes of one store. */
export class Nodes {
  readonly #http: Http;
  readonly #store: string;
  readonly #every: number;
  readonly #stop = new AbortController();
  #looking = false;
  /** Without a session when they were looked at last. */
  #idle = new Set<string>();
  #refused = false;

  /**
   * @param store identifies the store among others in the same Consul
   * @param every time between two searches, in milliseconds
   */
  constructor(http: Http, store: string, every = LOOK_MS) {
    this.#http = http;
    this.#store = store;
    this.#every = every;
  }

  /** Makes a node. @returns its name; `undefined` where the token doesn't allow it */
  async make(): Promise<string | undefined> {
    const host = Deno.hostname().replaceAll(/[^A-Za-z\d-]/g, "-").slice(0, 40);
    const Node = `${NODE_PREFIX}${host}-${crypto.randomUUID().replaceAll("-", "").slice(0, 12)}`;
    try {
      await this.#http.send({
        method: "PUT",
        path: "catalog/register",
        // A placeholder: no agent runs at this address.
        body: {
          Node,
          Address: "127.0.0.1",
          NodeMeta: { [META]: this.#store, "external-node": "true" },
        },
      });
    } catch (error) {
      if (!(error instanceof NetsvcError) || error.code !== "unauthorized") throw error;
      if (!this.#refused) {
        log.warn(
          "Consul's token may not make nodes, so that a lease ends when the server it was taken from " +
            'leaves; give it: node_prefix "{prefix}" { policy = "write" }',
          { prefix: NODE_PREFIX },
        );
      }
      this.#refused = true;
      return undefined;
    }
    this.#refused = false;
    this.#look();
    return Node;
  }

  /** Removes a node, and its session. */
  async remove(Node: string): Promise<void> {
    await this.#http.send({ method: "PUT", path: "catalog/deregister", body: { Node } });
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { signal } = this.#stop;
    for (let first = true; !signal.aborted; first = false) {
      // Not all hosts of a cluster at once.
      await sleep(first ? 0 : this.#every * (0.75 + Math.random() / 2), signal);
      if (!signal.aborted) await this.#sweep().catch(() => {});
    }
  }

  /** Removes nodes that had no session at the last search and have none now. */
  async #sweep(): Promise<void> {
    const query = { "node-meta": `${META}:${this.#store}`, consistent: "" };
    const nodes = await this.#list("catalog/nodes", query);
    // Sessions are read after the nodes: a node exists before its session.
    const sessions = await this.#list("session/list", { consistent: "" });
    const busy = new Set(sessions);
    const idle = nodes.filter((node) => node.startsWith(NODE_PREFIX) && !busy.has(node));
    for (const node of idle) if (this.#idle.has(node)) await this.remove(node);
    this.#idle = new Set(idle);
  }

  async #list(path: string, query: Record<string, string>): Promise<string[]> {
    const { text } = await this.#http.send({ method: "GET", path, query });
    return (JSON.parse(text) as { Node: string }[]).map(({ Node }) => Node);
  }

  /** Stops the searches. */
  close(): void {
    this.#stop.abort();
  }
}
