/**
 * An engine behind a socket: Docker, or Podman's service. Both speak HTTP; only paths and event names differ.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import {
  type Engine,
  ENGINE_REFERENCE,
  type EngineEvent,
  type ForeignContainer,
} from "../engine.ts";
import { SharedWatch } from "../shared_watch.ts";
import { keepWatching } from "../watch.ts";
import { EngineClient, engineWords, parseJson } from "./client.ts";
import { eachEvent } from "./events.ts";
import { ambiguous, readInspected, saysAmbiguous, toForeign } from "./inspected.ts";

/** The differences between the two. */
export interface ApiEngineOptions {
  name: string;
  /** Its name in messages. */
  title: string;
  /** Path of the socket. */
  socket: string;
  /** Prefix of the API's paths. */
  prefix: string;
  /** Names of the events to subscribe to: a container started, ended, was removed, or was renamed. */
  events: string[];
}

/** Podman's service, by its libpod API: it says more than its Docker-compatible one. */
export function podmanService(socket: string): ApiEngine {
  const prefix = "/v4.0.0/libpod";
  const events = ["start", "died", "remove", "rename"];
  return new ApiEngine({ name: "podman", title: "Podman", socket, prefix, events });
}

export class ApiEngine implements Engine, Disposable {
  readonly name: string;
  /** The client of its socket. */
  readonly client: EngineClient;
  readonly #options: ApiEngineOptions;
  readonly #watch = new SharedWatch((listener, signal) =>
    keepWatching(() => this.#stream(listener, signal), signal)
  );

  constructor(options: ApiEngineOptions) {
    this.name = options.name;
    this.client = new EngineClient(options.title, options.socket);
    this.#options = options;
  }

  async find(reference: string): Promise<ForeignContainer | undefined> {
    if (!ENGINE_REFERENCE.test(reference) || !await this.client.isThere()) return undefined;
    const path = `${this.#options.prefix}/containers/${reference}/json`;
    const { status, text } = await this.client.ask(path);
    if (status === 200) {
      const found = toForeign(this.name, readInspected(this.name, parseJson(text)));
      if (await this.client.isRoots()) return found;
      // A rootless engine's paths come from its user: root must not trust them.
      const { resolvConfPath: _, hostsPath: __, ...rest } = found;
      return rest;
    }
    const words = engineWords(text);
    if (saysAmbiguous(words)) throw ambiguous(reference, { runtime: this.name, words });
    if (status === 404) return undefined;
    throw new NetsvcError("unavailable", `${this.name} refuses to tell of a container: ${words}`);
  }

  /** All listeners share one event stream of the engine. */
  watch(listener: (event: EngineEvent) => void, signal: AbortSignal): Promise<void> {
    return this.#watch.follow(listener, signal);
  }

  async #stream(listener: (event: EngineEvent) => void, signal: AbortSignal): Promise<void> {
    const { prefix, events } = this.#options;
    const filters = JSON.stringify({ type: ["container"], event: events });
    const query = `stream=true&filters=${encodeURIComponent(filters)}`;
    const response = await this.client.fetch(`${prefix}/events?${query}`, { signal });
    if (!response.ok || !response.body) return await response.body?.cancel();
    listener({ type: "gap" });
    await eachEvent(response.body, listener);
  }

  [Symbol.dispose](): void {
    this.client[Symbol.dispose]();
  }
}
