/**
 * The processes of `/containers`.
 *
 * @module
 */
import type * as wire from "../../lib/api/types.ts";
import type { Connection } from "./connection.ts";
import { encodeRef } from "./paths.ts";

/** The containers' processes of a daemon. */
export class ProcessClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  launch(ref: string, request: wire.LaunchContainer): Promise<wire.LaunchSpec> {
    return this.#connection.json("POST", `/containers/${encodeRef(ref)}/launch`, request);
  }
  start(ref: string): Promise<wire.Container> {
    return this.#connection.json("POST", `/containers/${encodeRef(ref)}/start`);
  }
  exec(ref: string, request: wire.ExecSpec): Promise<wire.LaunchSpec> {
    return this.#connection.json("POST", `/containers/${encodeRef(ref)}/exec`, request);
  }
  started(ref: string, pid: number): Promise<wire.Container> {
    return this.#connection.json("POST", `/containers/${encodeRef(ref)}/started`, { pid });
  }
  async exited(ref: string, exitCode: number): Promise<void> {
    await this.#connection.send("POST", `/containers/${encodeRef(ref)}/exited`, { exitCode });
  }
  /** Answers when its process has ended. */
  stop(ref: string, request: wire.StopContainer = {}): Promise<wire.Container> {
    return this.#connection.json("POST", `/containers/${encodeRef(ref)}/stop`, request);
  }
  restart(ref: string, request: wire.StopContainer = {}): Promise<wire.Container> {
    return this.#connection.json("POST", `/containers/${encodeRef(ref)}/restart`, request);
  }
  async kill(ref: string, request: wire.KillContainer): Promise<void> {
    await this.#connection.send("POST", `/containers/${encodeRef(ref)}/kill`, request);
  }
  wait(ref: string): Promise<wire.WaitResult> {
    return this.#connection.json("POST", `/containers/${encodeRef(ref)}/wait`);
  }
  /** Output of a detached container. With `follow` it ends when the container does. */
  async *logs(
    ref: string,
    options: wire.LogRequest,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const query = Object.entries(options).map(([key, value]) => `${key}=${value}`).join("&");
    const path = `/containers/${encodeRef(ref)}/logs?${query}`;
    const response = await this.#connection.fetch("GET", path, undefined, signal);
    yield* this.#connection.streamed(response, (body) => body);
  }
}
