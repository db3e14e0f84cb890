/**
 * `/hosts`.
 *
 * @module
 */
import type * as wire from "../../lib/api/types.ts";
import type { Connection } from "./connection.ts";
import { encodeRef } from "./paths.ts";

export class HostClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  list(): Promise<wire.Host[]> {
    return this.#connection.json("GET", "/hosts");
  }
  get(ref: string): Promise<wire.HostDetail> {
    return this.#connection.json("GET", `/hosts/${encodeRef(ref)}`);
  }
  /** @param force also a living one, in a cluster that `cluster init` made */
  remove(ref: string, force = false): Promise<wire.Removed> {
    return this.#connection.json("DELETE", `/hosts/${encodeRef(ref)}?force=${force}`);
  }
}
