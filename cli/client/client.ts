/**
 * The API's client: one object per kind of resource over one connection.
 *
 * @module
 */
import type * as wire from "../../lib/api/types.ts";
import { lines } from "../../lib/async/lines.ts";
import { type ClientOptions, Connection } from "./connection.ts";
import { ClusterClient } from "./clusters.ts";
import { ContainerClient } from "./containers.ts";
import { HostClient } from "./hosts.ts";
import { NetworkClient } from "./networks.ts";
import { ProcessClient } from "./processes.ts";
import { ServiceClient } from "./services.ts";

export type { ClientOptions };

/** All checks of a doctor end within this time, in milliseconds. */
const DOCTOR_DEADLINE_MS = 10 * 60_000;

/** A client of one daemon. */
export class Client implements Disposable {
  readonly #connection: Connection;
  readonly networks: NetworkClient;
  readonly services: ServiceClient;
  readonly containers: ContainerClient;
  readonly processes: ProcessClient;
  readonly hosts: HostClient;
  readonly cluster: ClusterClient;

  /** @throws {NetsvcError} `invalid` about the address */
  constructor(options: ClientOptions) {
    const connection = this.#connection = new Connection(options);
    this.networks = new NetworkClient(connection);
    this.services = new ServiceClient(connection);
    this.containers = new ContainerClient(connection);
    this.processes = new ProcessClient(connection);
    this.hosts = new HostClient(connection);
    this.cluster = new ClusterClient(connection);
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
  }

  /** Path of the daemon's unix socket, where it is reached by one. */
  get socket(): string | undefined {
    return this.#connection.socket;
  }

  /** One request for a path of the API, without its prefix; see {@linkcode Connection.fetch}. */
  fetch(...request: Parameters<Connection["fetch"]>): Promise<Response> {
    return this.#connection.fetch(...request);
  }

  version(): Promise<wire.VersionInfo> {
    return this.#connection.json("GET", "/version");
  }

  /** What the daemon's doctor finds, as it finds it. */
  async *doctor(): AsyncGenerator<wire.DoctorLine> {
    const signal = AbortSignal.timeout(DOCTOR_DEADLINE_MS);
    const response = await this.#connection.fetch("GET", "/doctor", undefined, signal);
    for await (const line of this.#connection.streamed(response, lines)) yield JSON.parse(line);
  }

  /** Events from now on, or from `since` on (in milliseconds since 1970), until `signal`. */
  async *events(signal: AbortSignal, since?: number): AsyncGenerator<wire.NetsvcEvent> {
    const query = since === undefined ? "" : `?since=${since}`;
    const response = await this.#connection.fetch("GET", `/events${query}`, undefined, signal);
    const blocks = this.#connection.streamed(
      response,
      (body) => lines(body, { separator: "\n\n" }),
    );
    for await (const block of blocks) {
      const data = block.split("\n").find((line) => line.startsWith("data: "));
      if (data) yield JSON.parse(data.slice("data: ".length));
    }
  }
}
