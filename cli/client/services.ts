/**
 * `/services`.
 *
 * @module
 */
import type * as wire from "../../lib/api/types.ts";
import type { Connection } from "./connection.ts";
import { encodeRef } from "./paths.ts";

export class ServiceClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  list(network?: string): Promise<wire.Service[]> {
    const query = network === undefined ? "" : `?network=${encodeURIComponent(network)}`;
    return this.#connection.json("GET", `/services${query}`);
  }
  get(ref: string): Promise<wire.Service> {
    return this.#connection.json("GET", `/services/${encodeRef(ref)}`);
  }
  publish(request: wire.PublishService): Promise<wire.Service> {
    return this.#connection.json("POST", "/services", request);
  }
  update(ref: string, request: wire.UpdateService): Promise<wire.Service> {
    return this.#connection.json("POST", `/services/${encodeRef(ref)}/update`, request);
  }
  unpublish(ref: string, force: boolean): Promise<wire.Removed> {
    return this.#connection.json("DELETE", `/services/${encodeRef(ref)}?force=${force}`);
  }
  attach(ref: string, request: wire.AttachService): Promise<wire.Service> {
    return this.#connection.json("POST", `/services/${encodeRef(ref)}/attach`, request);
  }
  detach(ref: string, request: wire.DetachService): Promise<wire.Service> {
    return this.#connection.json("POST", `/services/${encodeRef(ref)}/detach`, request);
  }
}
