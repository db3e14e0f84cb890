/**
 * `/networks`.
 *
 * @module
 */
import type * as wire from "../../lib/api/types.ts";
import type { Connection } from "./connection.ts";
import { encodeRef } from "./paths.ts";

export class NetworkClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  list(): Promise<wire.ListedNetwork[]> {
    return this.#connection.json("GET", "/networks");
  }
  get(ref: string): Promise<wire.NetworkDetail> {
    return this.#connection.json("GET", `/networks/${encodeRef(ref)}`);
  }
  create(request: wire.CreateNetwork): Promise<wire.CreatedNetwork> {
    return this.#connection.json("POST", "/networks", request);
  }
  remove(ref: string, force: boolean): Promise<wire.Removed> {
    return this.#connection.json("DELETE", `/networks/${encodeRef(ref)}?force=${force}`);
  }
}
