/**
 * `/containers`.
 *
 * @module
 */
import type * as wire from "../../lib/api/types.ts";
import type { Connection } from "./connection.ts";
import { encodeRef } from "./paths.ts";

export class ContainerClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  list(): Promise<wire.Container[]> {
    return this.#connection.json("GET", "/containers");
  }
  get(ref: string): Promise<wire.Container> {
    return this.#connection.json("GET", `/containers/${encodeRef(ref)}`);
  }
  create(request: wire.CreateContainer): Promise<wire.Container> {
    return this.#connection.json("POST", "/containers", request);
  }
  /** Checks the networks and services of a container that an engine will start, and attaches it then. */
  async expect(request: wire.CreateContainer): Promise<void> {
    await this.#connection.send("POST", "/containers/expected", request);
  }
  remove(ref: string, force: boolean): Promise<wire.Removed> {
    return this.#connection.json("DELETE", `/containers/${encodeRef(ref)}?force=${force}`);
  }
  rename(ref: string, name: string): Promise<wire.Container> {
    return this.#connection.json("POST", `/containers/${encodeRef(ref)}/rename`, { name });
  }
}
